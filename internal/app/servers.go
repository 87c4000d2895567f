package app

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/tollkeeper/tollkeeper/internal/embedded/clickhouse"
	"github.com/tollkeeper/tollkeeper/internal/embedded/kafka"
	"github.com/tollkeeper/tollkeeper/schema"
)

// runsServers reports whether the configuration leaves a server out, which is embedded then.
func (a *App) runsServers() bool { return len(a.cfg.Kafka.Brokers) == 0 || a.cfg.ClickHouse.URL == "" }

// startServers starts the embedded servers for which the configuration names no real ones, in the data directory that
// this process owns.
func (a *App) startServers(ctx context.Context) error {
	brokers, url := a.cfg.Kafka.Brokers, a.cfg.ClickHouse.URL
	if url == "" {
		server, err := a.startEngine(ctx)
		if err != nil {
			return err
		}
		url = server.URL(schema.DefaultDatabase)
	}
	if len(brokers) == 0 {
		server, err := a.startBroker(ctx)
		if err != nil {
			return err
		}
		brokers, a.trouble = server.Brokers(), server.Trouble
	}
	a.cfg.UseServers(brokers, url)
	return nil
}

func (a *App) openDataDir() error {
	path := a.cfg.DataDir
	if path == "" {
		var err error
		if path, err = DefaultDataDir(); err != nil {
			return err
		}
	}
	dir, err := OpenDataDir(path)
	a.dir = dir
	return err
}

// The servers outlive the end of ctx: the roles drain into them. They end by Stop, after the roles.

// rolesUser is the roles' own account where the operator has configured users; its password is new with each start.
const rolesUser = "tollkeeper-roles"

func (a *App) startEngine(ctx context.Context) (*clickhouse.Server, error) {
	cfg := a.cfg.ClickHouse.Embedded
	cfg.Dir, cfg.Log, cfg.TenantTables = a.dir.Sub("clickhouse"), a.opts.Log, schema.TenantTables()
	cfg.Tiers = a.cfg.ClickHouse.Tiers
	if len(cfg.Users) > 0 { // the operator's users may be restricted; the roles come as one of their own
		cfg.Users = append([]clickhouse.User{{Name: rolesUser, Password: rand.Text()}}, cfg.Users...)
	}
	if a.opts.Roles.API && a.cfg.API.Enabled() && a.cfg.TenantSecret() == "" { // the API comes as the tenant that asks
		a.cfg.API.TenantSecret = rand.Text() + rand.Text()
	}
	cfg.TenantSecret = a.cfg.TenantSecret()
	server, err := clickhouse.Start(context.WithoutCancel(ctx), cfg)
	if err != nil {
		return nil, fmt.Errorf("clickhouse.embedded: %w", err)
	}
	a.supervisor.start(&part{name: "clickhouse", grace: roleGrace, run: func(ctx context.Context) error {
		select {
		case <-ctx.Done():
		case <-server.Done():
			return fmt.Errorf("the engine gave up")
		}
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), roleGrace)
		defer cancel()
		return server.Close(stop)
	}})
	return server, nil
}

func (a *App) startBroker(ctx context.Context) (*kafka.Server, error) {
	cfg := a.cfg.Kafka.Embedded
	cfg.Dir, cfg.Log, cfg.Metrics = a.dir.Sub("kafka"), a.opts.Log, a.Registry
	server, err := kafka.Start(context.WithoutCancel(ctx), cfg)
	if err != nil {
		return nil, fmt.Errorf("kafka.embedded: %w", err)
	}
	a.supervisor.start(&part{name: "kafka", grace: roleGrace, run: func(ctx context.Context) error {
		<-ctx.Done()
		server.Close()
		return nil
	}})
	a.http.AddCheck("kafka", func(context.Context) error { return server.Refusing() })
	return server, nil
}
