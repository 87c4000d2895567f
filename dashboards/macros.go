package dashboards

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Range is the chosen time range of a board, [From, To) in UTC.
type Range struct{ From, To time.Time }

// Step is the width of a point for about n points in the range: whole minutes, at least one.
func (r Range) Step(n int) time.Duration {
	step := r.To.Sub(r.From) / time.Duration(n)
	return max(time.Minute, step.Round(time.Minute))
}

// Series have points per minute up to finest, per hour up to fine, else per day: the rollups have rows per key in each, and a
// panel reads no finer ones than it can show. Both take a minute more than a person would say, since viewers round up.
const (
	finest = 6*time.Hour + time.Minute
	fine   = 8*24*time.Hour + time.Minute
)

// SeriesStep is how far the points of a series are apart where step is wanted: step, rounded up to whole minutes, hours or days as
// the range is long. Queries say it as $step.
func (r Range) SeriesStep(step time.Duration) time.Duration {
	unit := 24 * time.Hour
	switch length := r.To.Sub(r.From); {
	case length <= finest:
		unit = time.Minute
	case length <= fine:
		unit = time.Hour
	}
	return max(1, (step+unit-1)/unit) * unit
}

var (
	variable = regexp.MustCompile(`\$\{(\w+):(singlequote|percentencode)\}`)
	leftover = regexp.MustCompile(`\$(__\w+|\{\w+)`)
)

// Expand replaces what Grafana and its ClickHouse data source replace in our queries: the macros $__fromTime, $__toTime
// and $__interval_s, and ${name:singlequote} or ${name:percentencode} for variables. Anything else that looks like a macro is an error. Values are
// quoted for ClickHouse; a tenant's isolation does not rest on that but on its database user.
func Expand(sql string, r Range, step time.Duration, variables map[string]string) (string, error) {
	seconds := strconv.Itoa(max(1, int(step/time.Second)))
	sql = strings.NewReplacer(
		"$__fromTime", fmt.Sprintf("toDateTime(%d)", r.From.Unix()),
		"$__toTime", fmt.Sprintf("toDateTime(%d)", r.To.Unix()),
		"$__interval_s", seconds,
	).Replace(sql)
	var missing []string
	sql = variable.ReplaceAllStringFunc(sql, func(ref string) string {
		m := variable.FindStringSubmatch(ref)
		value, ok := variables[m[1]]
		if !ok {
			missing = append(missing, m[1])
		}
		if m[2] == "percentencode" {
			return percentEncode(value)
		}
		return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value) + "'"
	})
	if len(missing) > 0 {
		return "", fmt.Errorf("query needs the variables %s", strings.Join(missing, ", "))
	}
	if m := leftover.FindString(sql); m != "" {
		return "", fmt.Errorf("query uses %s, which is no macro of ours", m)
	}
	return sql, nil
}

// percentEncode writes every byte but letters, digits and -_.~ as %XX.
func percentEncode(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-_.~", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
