package clickhouse

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"regexp"
	"runtime"
	"time"

	"github.com/tollkeeper/tollkeeper/schema/tiers"
)

// DefaultListen is loopback and any free port.
const DefaultListen = "127.0.0.1:0"

// Config says what engine to run, where, and for whom.
type Config struct {
	// Dir holds everything the engine writes. Created 0700; one engine at a time.
	Dir string `yaml:"dir"`
	// Listen is the HTTP address, host:port; port 0 takes a free one. Default 127.0.0.1:0.
	Listen string `yaml:"listen"`
	// Library is the path of libchdb.so. Default: FindLibrary.
	Library string `yaml:"library"`
	// StorageBase is where the directories of the disks hot, warm and cold lie. Default: Dir/disks.
	StorageBase string `yaml:"storage_base"`
	// Tiers say where hot, warm and cold lie, if not below StorageBase.
	Tiers tiers.Config `yaml:"-"`
	// Users may log in. None: the user "default" without a password, as ClickHouse comes.
	Users []User `yaml:"users"`
	// TenantColumn is the column by which a tenant's rows are told apart, in every table that has it. Default: tenant.
	TenantColumn string `yaml:"tenant_column"`
	// TenantSecret lets every tenant in as the user that ledger.TenantUser names, with the password that
	// ledger.TenantPassword derives from it: at least 32 bytes. Empty: only Users.
	TenantSecret string `yaml:"tenant_secret"`
	// TenantTables are the tables and views that tenants may name; the others, outside system, are shut. None: all are open,
	// each with its row filter.
	TenantTables []string `yaml:"-"`
	// Rules replace the front's own row filters, to try what a real server's grants and policies let through.
	Rules *Rules `yaml:"-"`
	// MemoryLimit bounds what all queries together may allocate, in bytes. Default: half of the machine's memory,
	// at least 1 GiB, at most 16 GiB.
	MemoryLimit uint64 `yaml:"memory_limit"`
	// MaxConcurrentQueries run at once; more wait. Default 32.
	MaxConcurrentQueries int `yaml:"max_concurrent_queries"`
	// StartTimeout bounds the wait for readiness in Start. Default 60s.
	StartTimeout time.Duration `yaml:"start_timeout"`
	// Log gets the supervisor's lines and the child's. Default: nothing is logged.
	Log *slog.Logger `yaml:"-"`
}

// Rules are what the engine's only acting user may do: nothing but the grants, and of a table only the rows that its filter
// lets through. A nil list of grants is everything.
type Rules struct {
	Definer string   // another user with all rights, whom nobody can log in as: for views with SQL SECURITY DEFINER
	Grants  []string // of the acting user; none: everything. Statements: GRANT SELECT ON db.table
	Filters []TableFilter
}

// TableFilter is a row filter: a condition over the table's columns.
type TableFilter struct {
	Database, Table, Filter string
}

// User is an account of the front.
type User struct {
	Name     string `yaml:"name" json:"name"`
	Password string `yaml:"password" json:"password"`
	// ReadOnly forbids everything that writes.
	ReadOnly bool `yaml:"read_only" json:"read_only"`
	// Tenant shows this user only that tenant's rows, in every table with a tenant column, also through views; such a
	// user is read-only. Empty: all rows.
	Tenant string `yaml:"tenant" json:"tenant"`
}

// DefaultConfig is what Start fills in, apart from Dir and what depends on the machine.
func DefaultConfig() Config {
	return Config{Listen: DefaultListen, TenantColumn: "tenant", MaxConcurrentQueries: 32, StartTimeout: time.Minute}
}

// shortestSecret is the least length of TenantSecret, in bytes.
const shortestSecret = 32

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func (c Config) withDefaults() (Config, error) {
	d := DefaultConfig()
	if c.Listen == "" {
		c.Listen = d.Listen
	}
	if c.TenantColumn == "" {
		c.TenantColumn = d.TenantColumn
	}
	if c.MaxConcurrentQueries == 0 {
		c.MaxConcurrentQueries = d.MaxConcurrentQueries
	}
	if c.StartTimeout == 0 {
		c.StartTimeout = d.StartTimeout
	}
	if c.MemoryLimit == 0 {
		c.MemoryLimit = defaultMemoryLimit()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if len(c.Users) == 0 {
		c.Users = []User{{Name: "default"}}
	}
	var err error
	if c.Dir, err = filepath.Abs(c.Dir); err != nil {
		return c, fmt.Errorf("engine directory: %w", err)
	}
	if c.StorageBase == "" {
		c.StorageBase = filepath.Join(c.Dir, "disks")
	}
	if c.StorageBase, err = filepath.Abs(c.StorageBase); err != nil {
		return c, fmt.Errorf("engine storage_base: %w", err)
	}
	return c, nil
}

// Validate returns every problem of the configuration, each naming the key, the value and the remedy.
func (c *Config) Validate() error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Dir == "" {
		add("dir: empty; name the directory that holds the engine's data")
	}
	if c.Listen != "" {
		if _, _, err := net.SplitHostPort(c.Listen); err != nil {
			add("listen: %q is not host:port (for example 127.0.0.1:8123)", c.Listen)
		}
	}
	if c.TenantColumn != "" && !identifier.MatchString(c.TenantColumn) {
		add("tenant_column: %q is not a plain column name", c.TenantColumn)
	}
	if c.TenantSecret != "" && len(c.TenantSecret) < shortestSecret {
		add("tenant_secret: shorter than %d bytes; make one with: openssl rand -hex 32", shortestSecret)
	}
	if c.MaxConcurrentQueries < 0 {
		add("max_concurrent_queries: %d is negative; leave it out for 32", c.MaxConcurrentQueries)
	}
	if c.MemoryLimit != 0 && c.MemoryLimit < 256<<20 {
		add("memory_limit: %d bytes is too little to run a query; give at least 256 MiB", c.MemoryLimit)
	}
	if open := c.openUsers(); len(open) > 0 {
		add("users: %v have no password, but listen %s is beyond this machine's loopback; give each user a password, or listen on 127.0.0.1", open, c.Listen)
	}
	seen := map[string]bool{}
	for i, u := range c.Users {
		if u.Name == "" {
			add("users[%d].name: empty", i)
		}
		if seen[u.Name] {
			add("users[%d].name: %q is there twice", i, u.Name)
		}
		seen[u.Name] = true
		if u.Tenant == allTenants {
			add("users[%d].tenant: %q stands for all tenants; leave it out instead", i, u.Tenant)
		}
	}
	if runtime.GOOS != "linux" {
		add("the embedded engine runs on linux; on %s give the URL of a ClickHouse server", runtime.GOOS)
	}
	return errors.Join(errs...)
}

// openUsers are those that anyone on the network could be: without a password behind a listener beyond loopback.
func (c *Config) openUsers() (names []string) {
	host, _, err := net.SplitHostPort(c.Listen)
	if ip := net.ParseIP(host); err != nil || host == "localhost" || (ip != nil && ip.IsLoopback()) {
		return nil
	}
	if len(c.Users) == 0 {
		return []string{"default"}
	}
	for _, u := range c.Users {
		if u.Password == "" {
			names = append(names, u.Name)
		}
	}
	return names
}
