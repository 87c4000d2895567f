package alerts

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
	"github.com/shopspring/decimal"

	"github.com/tollkeeper/tollkeeper/alerts/detect"
	"github.com/tollkeeper/tollkeeper/gateway"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/schema"
)

// store is the role's memory: alert_events and throttle_events.
type store struct{ reader }

// insert writes one row.
func (s store) insert(ctx context.Context, name string, values ...any) error {
	return s.insertAll(ctx, name, [][]any{values})
}

// insertAll writes rows in one insert.
func (s store) insertAll(ctx context.Context, name string, all [][]any) error {
	if len(all) == 0 {
		return nil
	}
	batch, err := s.conn.PrepareBatch(ctx, schema.SQL("alerts/"+name))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	for _, values := range all {
		if err := batch.Append(values...); err != nil {
			_ = batch.Abort() // the append's error says it all
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// writeAlerts adds the events, each in place of one of its episode and sequence that is there already.
func (s store) writeAlerts(ctx context.Context, events ...*AlertEvent) error {
	all := make([][]any, len(events))
	for i, e := range events {
		subject := e.Subject
		if subject == nil {
			subject = map[string]string{}
		}
		all[i] = []any{e.Episode, e.Sequence, e.Rule, e.Kind, e.Tenant, subject, e.State, e.Severity,
			e.Value.String(), e.Threshold.String(), e.Summary, e.Detail, e.Crossed, e.At}
	}
	return s.insertAll(ctx, "insert_alert_event", all)
}

func (s store) writeThrottles(ctx context.Context, events ...*ThrottleEvent) error {
	all := make([][]any, len(events))
	for i, e := range events {
		limits := make(map[string]decimal.Decimal, len(e.Limits))
		for k, v := range e.Limits {
			d, err := decimal.NewFromString(v.String())
			if err != nil {
				return fmt.Errorf("limit %s: %w", k, err)
			}
			limits[k] = d
		}
		dry := uint8(0)
		if e.DryRun {
			dry = 1
		}
		all[i] = []any{e.Tenant, e.Team, e.Key, e.User, e.Model, e.Sequence, e.Step, e.Level, e.Gateway, e.Episode, e.Rule, limits, dry,
			e.Author, e.Reason, e.Answer, e.Issued, e.Expires, e.At}
	}
	return s.insertAll(ctx, "insert_throttle_event", all)
}

// openEpisodes reads the newest event of every episode that is not resolved, or resolved since.
func (s store) openEpisodes(ctx context.Context, since time.Time) ([]AlertEvent, error) {
	var out []AlertEvent
	err := s.each(ctx, "open_episodes", params{"since": milli(since)}, func(rows driver.Rows) error {
		var e AlertEvent
		var id, value, threshold string
		err := rows.Scan(&id, &e.Sequence, &e.Rule, &e.Kind, &e.Tenant, &e.Subject, &e.State, &e.Severity, &value, &threshold,
			&e.Summary, &e.Detail, &e.Crossed, &e.At)
		if err != nil {
			return err
		}
		if e.Episode, err = uuid.Parse(id); err != nil {
			return err
		}
		if e.Value, err = ledger.ParseSum(value); err != nil {
			return err
		}
		e.Threshold, err = ledger.ParseSum(threshold)
		out = append(out, e)
		return err
	})
	return out, err
}

// audit is what throttle_events remembers of one subject.
type audit struct {
	subject gateway.Subject
	highest uint64 // sequence
	held    gateway.Command
}

// audits reads what was ordered at the gateway; held is the newest acknowledged command that hasn't been ended.
func (s store) audits(ctx context.Context, gatewayName string) ([]audit, error) {
	var out []audit
	err := s.each(ctx, "throttle_audit", params{"gateway": text(gatewayName)}, func(rows driver.Rows) error {
		var a audit
		var level string
		var ended uint64
		limits := map[string]string{}
		h, w := &a.held, &a.subject
		if err := rows.Scan(&w.Tenant, &w.Team, &w.Key, &w.User, &w.Model, &a.highest, &h.Sequence, &level, &h.Rule, &h.Episode, &limits, &h.Issued, &h.Expires, &ended); err != nil {
			return err
		}
		h.Subject, h.Level = a.subject, gateway.Level(level)
		if h.Sequence <= ended {
			*h = gateway.Command{}
		}
		err := readLimits(&h.Limits, limits)
		out = append(out, a)
		return err
	})
	return out, err
}

// limitsOf writes limits as amounts: requests and tokens as whole numbers, per_seconds the period.
func limitsOf(l gateway.Limits) map[string]ledger.Sum {
	out := map[string]ledger.Sum{}
	if l.Per != 0 {
		out["per_seconds"] = count(uint64(l.Per / time.Second))
	}
	if l.Requests != 0 {
		out["requests"] = count(uint64(l.Requests))
	}
	if l.Tokens != 0 {
		out["tokens"] = count(uint64(l.Tokens))
	}
	if l.USD != 0 {
		out["usd"] = ledger.SumOf(l.USD)
	}
	return out
}

func sumsOf(texts map[string]string) (map[string]ledger.Sum, error) {
	out := make(map[string]ledger.Sum, len(texts))
	for name, t := range texts {
		sum, err := ledger.ParseSum(t)
		if err != nil {
			return nil, fmt.Errorf("limit %s: %w", name, err)
		}
		out[name] = sum
	}
	return out, nil
}

func readLimits(l *gateway.Limits, texts map[string]string) error {
	for name, t := range texts {
		sum, err := ledger.ParseSum(t)
		if err != nil {
			return fmt.Errorf("limit %s: %w", name, err)
		}
		if name == "usd" {
			l.USD, _ = sum.Money() // it was a Money when it was written
			continue
		}
		n := detect.Integer(sum).Div(detect.Integer(sum), detect.Integer(detect.One)).Int64()
		switch name {
		case "per_seconds":
			l.Per = time.Duration(n) * time.Second
		case "requests":
			l.Requests = n
		case "tokens":
			l.Tokens = n
		}
	}
	return nil
}

func encode(d detail) string {
	b, err := json.Marshal(d)
	if err != nil {
		panic("alerts: a detail is always JSON: " + err.Error())
	}
	return string(b)
}
