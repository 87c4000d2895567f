package books

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tollkeeper/tollkeeper/internal/app"
	"github.com/tollkeeper/tollkeeper/internal/config"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/pricing"
	"github.com/tollkeeper/tollkeeper/rollup"
	"github.com/tollkeeper/tollkeeper/rollup/rerate"
	"github.com/tollkeeper/tollkeeper/schema"
)

// product is what is asked: broker, engine and ingest run; rollup and re-rate work when the story says so.
type product struct {
	app    *app.App
	cfg    config.Config
	log    *slog.Logger
	conn   driver.Conn
	kafka  *kgo.Client
	prices string // the price file
	sent   int64  // records
}

func startProduct(ctx context.Context, dir string, log *slog.Logger) (*product, error) {
	p := &product{log: log, prices: filepath.Join(dir, "prices.yaml")}
	if err := asCharged().write(p.prices); err != nil {
		return nil, err
	}
	cfg := config.Default()
	cfg.DataDir = filepath.Join(dir, "data")
	cfg.HTTP.Listen, cfg.Kafka.Embedded.Listen, cfg.ClickHouse.Embedded.Listen = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	cfg.Kafka.Embedded.Partitions = 3
	cfg.Schema.Retention = schema.Retention{} // the days are fixed and pass
	cfg.Collector.LLMCost.PriceFiles = []string{p.prices}
	a, err := app.Start(ctx, app.Options{Config: cfg, Roles: app.Roles{Ingest: true, Embedded: true}, Log: log, Version: "books"})
	if err != nil {
		return nil, err
	}
	p.app, p.cfg = a, a.Config()
	if p.conn, err = schema.Open(p.cfg.ClickHouse.URL); err == nil {
		p.kafka, err = kgo.NewClient(kgo.SeedBrokers(p.cfg.Kafka.Brokers...), kgo.RequiredAcks(kgo.AllISRAcks()))
	}
	if err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return p, nil
}

func (p *product) stop() error {
	if p.kafka != nil {
		p.kafka.Close()
	}
	var err error
	if p.conn != nil {
		err = p.conn.Close()
	}
	return errors.Join(err, p.app.Stop())
}

// setPrices puts another list in place of the operator's price file.
func (p *product) setPrices(l priceList) (*pricing.Book, error) {
	if err := l.write(p.prices); err != nil {
		return nil, err
	}
	w, err := pricing.NewWatch(p.prices)
	if err != nil {
		text, _ := os.ReadFile(p.prices)
		return nil, fmt.Errorf("%w in\n%s", err, text)
	}
	return w.Book(), nil
}

// send produces records of some calls each and waits until ingest has stored all that was ever sent.
func (p *product) send(ctx context.Context, calls []ledger.Call) error {
	const each = 50
	for len(calls) > 0 {
		n := min(each, len(calls))
		if err := p.kafka.ProduceSync(ctx, &kgo.Record{Topic: ledger.TopicCalls, Value: ledger.AppendBatch(nil, calls[:n])}).FirstErr(); err != nil {
			return err
		}
		p.sent++
		calls = calls[n:]
	}
	for {
		var stored int64
		err := p.conn.QueryRow(ctx, `SELECT toInt64(sum(n)) FROM (SELECT max(next) AS n FROM ingest_ranges WHERE topic = {topic:String} AND kind != 'epoch' GROUP BY partition)`,
			clickhouse.Named("topic", ledger.TopicCalls)).Scan(&stored)
		if err != nil {
			return fmt.Errorf("look for what ingest has stored: %w", err)
		}
		if stored >= p.sent {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("ingest has stored %d of %d records: %w", stored, p.sent, ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// rollUp brings all totals and adjustments up to the calls that are stored.
func (p *product) rollUp(ctx context.Context) error {
	for range 2 { // an adjustment of an hour that is open again asks for its minutes
		if err := app.RollupOnce(ctx, p.cfg, p.log, func(rollup.Level, rollup.Stats) {}); err != nil {
			return err
		}
	}
	return nil
}

func (p *product) books(do func(*rollup.Rollup) error) error { return app.WithRollup(p.cfg, p.log, do) }

func (p *product) rerate(do func(*rerate.Rerate) error) error { return app.WithRerate(p.cfg, nil, do) }
