package alerts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// What people say of an episode.
const (
	VerdictRight = "right" // it told of something real
	VerdictWrong = "wrong" // it didn't
	VerdictNoise = "noise" // true, and nothing that anybody had to know
)

// Label writes down what a person says of the episode whose id begins with id.
func (j *Journal) Label(ctx context.Context, id, verdict string, acted bool, note, author string) (*Explained, error) {
	if !slices.Contains([]string{VerdictRight, VerdictWrong, VerdictNoise}, verdict) {
		return nil, fmt.Errorf("verdict %q: want %s, %s or %s", verdict, VerdictRight, VerdictWrong, VerdictNoise)
	}
	if author == "" {
		return nil, errors.New("--author is missing: say who says so")
	}
	x, err := j.Explain(ctx, id)
	if err != nil {
		return nil, err
	}
	flag := uint8(0)
	if acted {
		flag = 1
	}
	return x, j.store.insert(ctx, "insert_label", x.Began.Episode, verdict, flag, note, author)
}

// RuleReview is how a rule did in a time.
type RuleReview struct {
	Rule, Kind  string
	Episodes    int
	Pages       int // of them critical: a person is woken
	Acted       int // a throttle that bit, a release by hand, or a person says that somebody acted
	Right       int
	Wrong       int
	Noise       int
	Undelivered int // notifications that a receiver never got
	Open        int
	Median      time.Duration // of those that are over
}

// Precision is the part of the labelled episodes that were right, in percent rounded down; ok is false without labels.
func (r RuleReview) Precision() (percent int, ok bool) {
	all := r.Right + r.Wrong + r.Noise
	if all == 0 {
		return 0, false
	}
	return 100 * r.Right / all, true
}

// Idle are episodes that nobody acted on.
func (r RuleReview) Idle() int { return r.Episodes - r.Acted }

// Review says how the rules did in episodes that began in [from, to): the noisiest first, which is the one with the most
// episodes that nobody acted on.
func (j *Journal) Review(ctx context.Context, from, to time.Time) ([]RuleReview, error) {
	byRule := map[string]*RuleReview{}
	lengths := map[string][]time.Duration{}
	err := j.store.each(ctx, "review", params{"from": milli(from), "to": milli(to)}, func(rows driver.Rows) error {
		var id, rule, kind, tenant, severity, verdict string
		var started, ended time.Time
		var open, acted uint8
		var undelivered uint64
		if err := rows.Scan(&id, &rule, &kind, &tenant, &severity, &started, &ended, &open, &acted, &verdict, &undelivered); err != nil {
			return err
		}
		r := byRule[rule]
		if r == nil {
			r = &RuleReview{Rule: rule, Kind: kind}
			byRule[rule] = r
		}
		r.Episodes++
		r.Acted += int(acted)
		r.Open += int(open)
		r.Undelivered += int(undelivered)
		if severity == Critical {
			r.Pages++
		}
		switch verdict {
		case VerdictRight:
			r.Right++
		case VerdictWrong:
			r.Wrong++
		case VerdictNoise:
			r.Noise++
		}
		if open == 0 {
			lengths[rule] = append(lengths[rule], ended.Sub(started))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var out []RuleReview
	for rule, r := range byRule {
		if l := lengths[rule]; len(l) > 0 {
			slices.Sort(l)
			r.Median = l[len(l)/2]
		}
		out = append(out, *r)
	}
	slices.SortFunc(out, func(a, b RuleReview) int {
		return cmp.Or(cmp.Compare(b.Idle(), a.Idle()), cmp.Compare(b.Episodes, a.Episodes), cmp.Compare(a.Rule, b.Rule))
	})
	return out, nil
}
