package provision

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tollkeeper/tollkeeper/dashboards"
	"github.com/tollkeeper/tollkeeper/dashboards/grafana"
	"github.com/tollkeeper/tollkeeper/internal/schedule"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/schema"
)

// Deps is what the role works with.
type Deps struct {
	ClickHouse string // URL of the ledger
	Log        *slog.Logger
	Metrics    prometheus.Registerer
}

// Provisioner is the role.
type Provisioner struct {
	cfg     Config
	deps    Deps
	conn    driver.Conn
	grafana *client
	changes *prometheus.CounterVec
	failing string // the last run's error, said once
}

// New connects on first use.
func New(cfg Config, deps Deps) (*Provisioner, error) {
	conn, err := schema.Open(deps.ClickHouse)
	if err != nil {
		return nil, err
	}
	p := &Provisioner{cfg: cfg, deps: deps, conn: conn, grafana: newClient(cfg),
		changes: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tollkeeper_grafana_changes_total",
			Help: "What was created or changed in Grafana for tenants, by kind: org, source, folder, dashboard; and runs that failed: failure."}, []string{"kind"})}
	if deps.Metrics != nil {
		if err := deps.Metrics.Register(p.changes); err != nil {
			_ = conn.Close()
			return nil, fmt.Errorf("register Grafana's metrics: %w", err)
		}
	}
	return p, nil
}

// Ready always is: Grafana may come later.
func (p *Provisioner) Ready(context.Context) error { return nil }

// Run provisions at start and by schedule until ctx ends.
func (p *Provisioner) Run(ctx context.Context) error {
	defer p.conn.Close()
	defer p.grafana.http.CloseIdleConnections()
	when, err := schedule.Parse(p.cfg.Every)
	if err != nil {
		return fmt.Errorf("dashboards.grafana.every: schedule %q: %w", p.cfg.Every, err)
	}
	schedule.New(p.deps.Log, schedule.Job{Name: "grafana", When: when, AtStart: true, Do: func() { p.job(ctx) }}).Run(ctx)
	return nil
}

func (p *Provisioner) job(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	err := p.Once(ctx)
	switch {
	case err == nil:
		p.failing = ""
	case ctx.Err() != nil:
	default:
		p.changes.WithLabelValues("failure").Inc()
		if p.failing != err.Error() {
			p.deps.Log.Warn("Grafana is not as it should be; it is tried again", "error", err)
		}
		p.failing = err.Error()
	}
}

// Once brings every tenant's organisation to what it should be. One tenant's failure doesn't keep the others waiting.
func (p *Provisioner) Once(ctx context.Context) error {
	tenants, err := p.tenants(ctx)
	if err != nil {
		return err
	}
	var errs []error
	if len(tenants) > p.cfg.MaxTenants {
		errs = append(errs, fmt.Errorf("%d tenants, and dashboards.grafana.max_tenants is %d: those beyond it, by name, have no organisation", len(tenants), p.cfg.MaxTenants))
		tenants = tenants[:p.cfg.MaxTenants]
	}
	for _, tenant := range tenants {
		if err := p.tenant(ctx, tenant); err != nil {
			errs = append(errs, fmt.Errorf("tenant %q: %w", tenant, err))
			if ctx.Err() != nil {
				break
			}
		}
	}
	return errors.Join(errs...)
}

// tenants are those with spend in this month or the last, and those of the directory.
func (p *Provisioner) tenants(ctx context.Context) ([]string, error) {
	rows, err := p.conn.Query(ctx, schema.SQL("figures/tenants"))
	if err != nil {
		return nil, fmt.Errorf("list the tenants: %w", err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, fmt.Errorf("list the tenants: %w", err)
		}
		out = append(out, name)
	}
	return out, rows.Err()
}

const folderUID = "tollkeeper"

func (p *Provisioner) tenant(ctx context.Context, tenant string) error {
	count := func(kind string, changed bool, err error) error {
		if err == nil && changed {
			p.changes.WithLabelValues(kind).Inc()
		}
		return err
	}
	want, err := p.sourceOf(tenant)
	if err != nil {
		return err
	}
	org, created, err := p.grafana.org(ctx, p.cfg.OrgPrefix+shown(tenant))
	if err := count("org", created, err); err != nil {
		return err
	}
	if created {
		p.deps.Log.Info("Grafana organisation created", "tenant", tenant, "org", org)
	}
	changed, err := p.grafana.source(ctx, org, want)
	if err := count("source", changed, err); err != nil {
		return err
	}
	changed, err = p.grafana.folder(ctx, org, folderUID, "Tollkeeper")
	if err := count("folder", changed, err); err != nil {
		return err
	}
	for _, board := range dashboards.ForTenant() {
		body, err := grafana.JSONOver(board, want.UID)
		if err != nil {
			return err
		}
		changed, err := p.grafana.dashboard(ctx, org, folderUID, body)
		if err := count("dashboard", changed, err); err != nil {
			return err
		}
	}
	return nil
}

// SourceUID is the uid of the tenant's data source: another one for every tenant, so that a board that strays into another
// organisation finds nothing there.
func SourceUID(tenant string) string {
	sum := sha256.Sum256([]byte(tenant))
	return "tollkeeper-" + hex.EncodeToString(sum[:10])
}

// sourceOf is the tenant's data source, with the tenant's own database user.
func (p *Provisioner) sourceOf(tenant string) (source, error) {
	target, err := schema.ParseURL(p.deps.ClickHouse)
	if err != nil {
		return source{}, err
	}
	if p.cfg.ClickHouse != "" {
		u, err := url.Parse(p.cfg.ClickHouse)
		if err != nil {
			return source{}, fmt.Errorf("dashboards.grafana.clickhouse_url: %w", err)
		}
		target.Scheme, target.Host = u.Scheme, u.Host
		if u.Port() == "" {
			target.Host = net.JoinHostPort(u.Hostname(), map[string]string{"http": "8123", "https": "8443"}[u.Scheme])
		}
		if name := strings.Trim(u.Path, "/"); name != "" {
			target.Database = name
		}
	}
	host, port, err := net.SplitHostPort(target.Host)
	if err != nil {
		return source{}, fmt.Errorf("the database's address %q: %w", target.Host, err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return source{}, fmt.Errorf("the database's port %q: %w", port, err)
	}
	password := ledger.TenantPassword(p.cfg.TenantSecret, tenant)
	mark := sha256.Sum256([]byte("mark\x00" + password))
	return source{UID: SourceUID(tenant), Name: "Tollkeeper", Type: grafana.DatasourceType, Access: "proxy", IsDefault: true,
		JSONData: map[string]any{"host": host, "port": number, "protocol": "http", "secure": target.Scheme == "https", "username": ledger.TenantUser(tenant),
			"defaultDatabase": schema.TenantDatabase(target.Database), "tollkeeperMark": hex.EncodeToString(mark[:6])},
		SecureJSONData: map[string]string{"password": password}}, nil
}

// shown is the tenant's name as an organisation can carry it.
func shown(tenant string) string {
	plain := utf8.ValidString(tenant) && len(tenant) <= 150 && strings.TrimSpace(tenant) == tenant && tenant != ""
	for _, r := range tenant {
		plain = plain && unicode.IsPrint(r)
	}
	if plain {
		return tenant
	}
	sum := sha256.Sum256([]byte(tenant))
	return "tenant " + hex.EncodeToString(sum[:8])
}
