package clickhouse

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"text/template"

	"github.com/tollkeeper/tollkeeper/schema/tiers"
)

// allTenants in log_comment lifts the row filter.
const allTenants = "*"

// layout is where things lie inside Config.Dir.
type layout struct {
	Dir, DB, Tmp, Backups, ConfigFile, UsersFile string

	StorageBase string
	Tiers       tiers.Config `json:"-"` // the child has them in the configuration file
	Storage     string       `json:"-"` // storage_configuration

	MemoryLimit   uint64
	TenantColumn  string
	AllTenants    string
	MaxConcurrent int
	Filters       []TableFilter // row filters of the users file
	Grants        []string      // of the acting user; none: everything
	Fixed         bool          // filters and grants are given, not found
	Definer       string        // another user, with all rights; empty: none
}

func newLayout(c Config) layout {
	in := func(name string) string { return filepath.Join(c.Dir, name) }
	l := layout{
		Dir: c.Dir, DB: in("db"), Tmp: in("tmp"), Backups: in("backups"),
		StorageBase: c.StorageBase, Tiers: c.Tiers,
		ConfigFile: in("config.xml"), UsersFile: in("users.xml"),
		MemoryLimit: c.MemoryLimit, TenantColumn: c.TenantColumn, AllTenants: allTenants, MaxConcurrent: c.MaxConcurrentQueries,
	}
	if c.Rules != nil {
		l.Filters, l.Grants, l.Fixed, l.Definer = c.Rules.Filters, c.Rules.Grants, true, c.Rules.Definer
	}
	return l
}

// create makes the directories and writes the engine's configuration.
func (l layout) create() error {
	for _, dir := range append([]string{l.Dir, l.DB, l.Tmp, l.Backups, l.StorageBase}, l.Tiers.Dirs(l.StorageBase)...) {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("create engine directory: %w", err)
		}
		if err := os.Chmod(dir, 0o700); err != nil {
			return fmt.Errorf("close engine directory to others: %w", err)
		}
	}
	if err := l.keepPlaces(); err != nil {
		return err
	}
	storage, err := l.Tiers.XML(l.StorageBase, true)
	if err != nil {
		return err
	}
	l.Storage = storage + "\n"
	return l.render(l.ConfigFile, configXML)
}

// writeUsers writes the users file with the row filters.
func (l layout) writeUsers() error { return l.render(l.UsersFile, usersXML) }

func (l layout) render(path, text string) error {
	t, err := template.New(filepath.Base(path)).Funcs(template.FuncMap{"xml": escapeXML}).Parse(text)
	if err != nil {
		return fmt.Errorf("engine configuration %s: %w", path, err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, l); err != nil {
		return fmt.Errorf("engine configuration %s: %w", path, err)
	}
	if err := os.WriteFile(path+".new", b.Bytes(), 0o600); err != nil {
		return fmt.Errorf("write engine configuration: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("write engine configuration: %w", err)
	}
	return nil
}

func escapeXML(s string) (string, error) {
	var b bytes.Buffer
	err := xml.EscapeText(&b, []byte(s))
	return b.String(), err
}

// configXML is the engine's server configuration: the tiers of DESIGN D9, memory bounds and small background pools,
// so that an idle engine stays small. It keeps no statistics of columns: merges would take a sixth longer for what nothing is planned better by
// (docs/adr/0055-no-statistics-of-columns.md). It keeps no log: chDB logs at trace or not
// at all, and its lines repeat statements with their data.
const configXML = `<clickhouse>
  <timezone>UTC</timezone>
  <tmp_path>{{xml .Tmp}}/</tmp_path>
  <users_config>{{xml .UsersFile}}</users_config>
  <max_server_memory_usage>{{.MemoryLimit}}</max_server_memory_usage>
  <mark_cache_size>67108864</mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <index_mark_cache_size>16777216</index_mark_cache_size>
  <mmap_cache_size>100</mmap_cache_size>
  <background_pool_size>4</background_pool_size>
  <background_merges_mutations_concurrency_ratio>2</background_merges_mutations_concurrency_ratio>
  <background_move_pool_size>2</background_move_pool_size>
  <background_fetches_pool_size>1</background_fetches_pool_size>
  <background_common_pool_size>2</background_common_pool_size>
  <background_schedule_pool_size>8</background_schedule_pool_size>
  <background_message_broker_schedule_pool_size>1</background_message_broker_schedule_pool_size>
  <background_distributed_schedule_pool_size>1</background_distributed_schedule_pool_size>
  <merge_tree>
    <auto_statistics_types></auto_statistics_types>
    <old_parts_lifetime>480</old_parts_lifetime>
    <number_of_free_entries_in_pool_to_execute_mutation>2</number_of_free_entries_in_pool_to_execute_mutation>
    <number_of_free_entries_in_pool_to_lower_max_size_of_merge>2</number_of_free_entries_in_pool_to_lower_max_size_of_merge>
    <number_of_free_entries_in_pool_to_execute_optimize_entire_partition>2</number_of_free_entries_in_pool_to_execute_optimize_entire_partition>
  </merge_tree>
{{- if .Fixed}}
  <access_control_improvements>
    <select_from_system_db_requires_grant>true</select_from_system_db_requires_grant>
    <select_from_information_schema_requires_grant>true</select_from_information_schema_requires_grant>
  </access_control_improvements>
{{- end}}
  <backups><allowed_path>{{xml .Backups}}/</allowed_path></backups>
{{.Storage}}</clickhouse>
`

// usersXML gives the engine's only acting user what every request of the front needs, and the row filters that hold
// tenants apart (see tenants.go).
const usersXML = `<clickhouse>
  <profiles>
    <default>
      <async_insert>0</async_insert>
      <storage_file_read_method>pread</storage_file_read_method>
      <use_statistics>0</use_statistics>
    </default>
  </profiles>
  <users>
    <default>
      <password></password>
      <networks><ip>::/0</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
{{- if .Grants}}
      <grants>
{{- range .Grants}}
        <query>{{xml .}}</query>
{{- end}}
      </grants>
{{- else}}
      <access_management>1</access_management>
{{- end}}
      <databases>
{{- range .Filters}}
        <{{.Database}}><{{.Table}}><filter>{{xml .Filter}}</filter></{{.Table}}></{{.Database}}>
{{- end}}
      </databases>
    </default>
{{- if .Definer}}
    <{{.Definer}}>
      <password_sha256_hex>0000000000000000000000000000000000000000000000000000000000000000</password_sha256_hex>
      <networks><ip>::1</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
      <access_management>1</access_management>
    </{{.Definer}}>
{{- end}}
  </users>
  <quotas><default></default></quotas>
</clickhouse>
`
