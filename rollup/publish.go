package rollup

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/tollkeeper/tollkeeper/schema"
)

// Publish writes which windows of the days of [from, to) spend is read from, for boards (table spend_windows,
// docs/adr/0049-windows-looked-up.md): the newest committed revision of each, and which hours and days stand for what they are made of. Whoever commits
// a revision, or marks or closes a window, publishes after it. A publishing that is stopped or comes late leaves boards with what they
// had, never with a window read twice or not at all.
func Publish(ctx context.Context, conn driver.Conn, from, to time.Time) error {
	return publishing{conn, nil}.write(ctx, span{from, to})
}

// The steps of publishing, in order. The number comes before what is read, so that a writing with a higher number has seen all that one with a
// lower number was made after.
const (
	afterDone   = "before publishing"
	afterNumber = "number"
)

type publishing struct {
	conn      driver.Conn
	interrupt func(window, string) error
}

func (p publishing) write(ctx context.Context, s span) error {
	from, to := Day.start(s.from), Day.start(s.to.Add(24*time.Hour-time.Second))
	for _, step := range []struct {
		after string
		do    func() error
	}{
		{afterDone, func() error { return nil }},
		{afterNumber, func() error { return p.conn.Exec(ctx, schema.SQL("rollup/publish_claim")) }},
		{"", func() error {
			return p.conn.Exec(ctx, schema.SQL("rollup/publish_windows"), named("from", from), named("to", to))
		}},
	} {
		err := step.do()
		if err == nil && p.interrupt != nil && step.after != "" {
			err = p.interrupt(window{}, step.after)
		}
		if err != nil {
			return fmt.Errorf("publish windows of %s to %s: %w", from.Format(time.DateOnly), to.Format(time.DateOnly), err)
		}
	}
	return nil
}

// span is a range of time, empty at first.
type span struct{ from, to time.Time }

func spanBetween(from, to time.Time) span { return span{from, to} }

func (s span) empty() bool { return s.to.IsZero() }

// over is the smallest span over both.
func (s span) over(o span) span {
	switch {
	case s.empty():
		return o
	case o.empty():
		return s
	}
	if o.from.Before(s.from) {
		s.from = o.from
	}
	if o.to.After(s.to) {
		s.to = o.to
	}
	return s
}

// everything is the span of all windows.
var everything = span{startOfTime, endOfTime}

// touch notes what is to be published.
func (r *Rollup) touch(s span) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unpublished = r.unpublished.over(s)
}

// PublishTouched publishes what passes have touched since the last time. Jobs do so themselves, whoever calls RunOnce doesn't wait for it.
func (r *Rollup) PublishTouched(ctx context.Context) error {
	r.mu.Lock()
	s := r.unpublished
	r.unpublished = span{}
	r.mu.Unlock()
	if s.empty() {
		return nil
	}
	err := publishing{r.conn, r.interrupt}.write(ctx, s)
	if err != nil {
		r.touch(s)
	}
	return err
}

// publishAlso publishes a span, and what else was touched.
func (r *Rollup) publishAlso(ctx context.Context, s span) error {
	r.touch(s)
	return r.PublishTouched(ctx)
}

// spanOf is what some windows of one level lie in.
func spanOf(windows []window) (s span) {
	for _, w := range windows {
		s = s.over(span{w.start, w.start.Add(w.level.length())})
	}
	return s
}
