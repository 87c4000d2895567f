package grafana

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
)

// DatasourceType is the id of the ClickHouse data source plugin.
const DatasourceType = "grafana-clickhouse-datasource"

// DatasourceUID is the data source that the exported provisioning creates.
const DatasourceUID = "tollkeeper-clickhouse"

// query is a target of the ClickHouse data source (plugin 4.x, its src/types/sql.ts): raw SQL, and whether the rows
// are a table or (time, label, value) series. Format must be a number.
type query struct {
	RefID         string               `json:"refId"`
	Datasource    common.DataSourceRef `json:"datasource"`
	EditorType    string               `json:"editorType"`
	RawSQL        string               `json:"rawSql"`
	QueryType     string               `json:"queryType"`
	Format        int                  `json:"format"`
	PluginVersion string               `json:"pluginVersion"`
}

const (
	formatTimeSeries = 0
	formatTable      = 1
)

func (r renderer) newQuery(sql string, series bool) query {
	q := query{RefID: "A", Datasource: r.datasource(), EditorType: "sql", RawSQL: sql, QueryType: "table", Format: formatTable,
		PluginVersion: "4.0.0"}
	if series {
		q.QueryType, q.Format = "timeseries", formatTimeSeries
	}
	return q
}

func (r renderer) datasource() common.DataSourceRef {
	kind, uid := DatasourceType, r.source
	return common.DataSourceRef{Type: &kind, Uid: &uid}
}

// The SDK's interface of a data query.

func (q query) ImplementsDataqueryVariant() {}
func (q query) DataqueryType() string       { return DatasourceType }
func (q query) Validate() error             { return nil }
func (q query) Equals(other variants.Dataquery) bool {
	o, ok := other.(query)
	return ok && o.RawSQL == q.RawSQL && o.Format == q.Format && o.RefID == q.RefID
}

// Build makes a query its own builder.
func (q query) Build() (variants.Dataquery, error) { return q, nil }
