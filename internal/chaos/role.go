package chaos

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/tollkeeper/tollkeeper/internal/app"
	"github.com/tollkeeper/tollkeeper/internal/config"
	"github.com/tollkeeper/tollkeeper/internal/embedded/clickhouse"
	"github.com/tollkeeper/tollkeeper/internal/embedded/kafka"
	"github.com/tollkeeper/tollkeeper/internal/telemetry"
)

// Role is what a process of the world does: the part of the product with that name, by the configuration, with a clock
// that is offset off. It ends with the program that started it.
func Role(ctx context.Context, name, path string, offset time.Duration) error {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(137)
	}()
	cfg, err := config.Load(path, os.LookupEnv)
	if err != nil {
		return err
	}
	log := telemetry.NewLogger(os.Stderr, cfg.Log)
	switch name {
	case procKafka:
		k := cfg.Kafka.Embedded
		k.Dir, k.Log = cfg.DataDir, log
		server, err := kafka.Start(ctx, k)
		if err != nil {
			return err
		}
		defer server.Close()
		<-ctx.Done()
		return nil
	case procEngine:
		e := cfg.ClickHouse.Embedded
		e.Dir, e.Log = cfg.DataDir, log
		server, err := clickhouse.Start(ctx, e)
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-server.Done():
			return fmt.Errorf("the engine gave up")
		}
		return server.Close(context.WithoutCancel(ctx))
	}
	role, _, _ := strings.Cut(name, "-")
	a, err := app.Start(ctx, app.Options{
		Config: cfg, Roles: app.OneRole(role), Log: log, Version: "chaos", Now: func() time.Time { return time.Now().Add(offset) },
	})
	if err != nil {
		return err
	}
	defer func() { _ = a.Stop() }()
	return a.Wait(ctx)
}
