package genai

import (
	"fmt"
	"strconv"
	"strings"
)

// version is the numeric head of a version text: 2.5b0.dev is 2.5.0.
type version [3]int

func parseVersion(s string) (v version, ok bool) {
	s = strings.TrimPrefix(s, "v")
	for i := range v {
		end := 0
		for end < len(s) && s[end] >= '0' && s[end] <= '9' {
			end++
		}
		if end == 0 {
			return v, i > 0
		}
		n, err := strconv.Atoi(s[:end])
		if err != nil {
			return version{}, false
		}
		v[i] = n
		if end == len(s) || s[end] != '.' {
			return v, true
		}
		s = s[end+1:]
	}
	return v, true
}

func (v version) compare(o version) int {
	for i := range v {
		if v[i] != o[i] {
			return v[i] - o[i]
		}
	}
	return 0
}

// versionRange is a conjunction of bounds.
type versionRange struct {
	bounds      []bound
	unversioned bool // holds for a scope that names no version
}

type bound struct {
	op string
	v  version
}

func parseVersionRange(s string) (versionRange, error) {
	var r versionRange
	for _, part := range strings.Fields(s) {
		op := strings.TrimRight(part, "0123456789.")
		switch op {
		case "<", "<=", ">", ">=", "=":
		default:
			return r, fmt.Errorf("%q: want bounds like >=1.2 <2", s)
		}
		v, ok := parseVersion(part[len(op):])
		if !ok {
			return r, fmt.Errorf("%q: want bounds like >=1.2 <2", s)
		}
		r.bounds = append(r.bounds, bound{op, v})
	}
	return r, nil
}

func (r *versionRange) any() bool { return len(r.bounds) == 0 && r.unversioned }

func (r *versionRange) contains(s string) bool {
	v, ok := parseVersion(s)
	if !ok {
		return r.unversioned
	}
	for _, b := range r.bounds {
		c := v.compare(b.v)
		holds := map[string]bool{"<": c < 0, "<=": c <= 0, ">": c > 0, ">=": c >= 0, "=": c == 0}[b.op]
		if !holds {
			return false
		}
	}
	return true
}
