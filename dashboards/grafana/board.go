package grafana

//lint:file-ignore SA1019 the classic dashboard JSON is what every Grafana since 11.6 provisions from files; v2 is not

import (
	"encoding/json"
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/tollkeeper/tollkeeper/dashboards"
)

// JSON renders a board as Grafana's dashboard JSON, indented, over the data source that the provisioning creates.
func JSON(board dashboards.Board) ([]byte, error) { return JSONOver(board, DatasourceUID) }

// renderer renders boards over one data source.
type renderer struct{ source string } // uid

// JSONOver renders a board over the data source of that uid, and names no other.
func JSONOver(board dashboards.Board, source string) ([]byte, error) {
	d, err := renderer{source}.build(board)
	if err != nil {
		return nil, fmt.Errorf("board %q: %w", board.Title, err)
	}
	out, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("board %q: %w", board.Title, err)
	}
	return append(out, '\n'), nil
}

func (r renderer) build(board dashboards.Board) (dashboard.Dashboard, error) {
	b := dashboard.NewDashboardBuilder(board.Title).Uid(board.UID).Description(board.Description).Tags(board.Tags).
		Timezone("utc").Time(board.From, "now").Refresh(board.Refresh).Readonly().
		Tooltip(dashboard.DashboardCursorSyncCrosshair).
		Link(dashboard.NewDashboardLinkBuilder("Tollkeeper").Type(dashboard.DashboardLinkTypeDashboards).
			Tags([]string{"tollkeeper"}).KeepTime(true).IncludeVars(true).AsDropdown(false))
	for _, v := range board.Variables {
		if v.Free {
			b = b.WithVariable(dashboard.NewTextBoxVariableBuilder(v.Name).Label(v.Label))
			continue
		}
		b = b.WithVariable(dashboard.NewQueryVariableBuilder(v.Name).Label(v.Label).Datasource(r.datasource()).
			Query(dashboard.StringOrMap{Map: map[string]any{"editorType": "sql", "rawSql": v.SQL(), "refId": "A"}}).
			Refresh(dashboard.VariableRefreshOnTimeRangeChanged).Sort(dashboard.VariableSortAlphabeticalAsc).Multi(false))
	}
	for _, a := range board.Annotations {
		b = b.Annotation(dashboard.NewAnnotationQueryBuilder().Name(a.Name).Enable(true).IconColor(a.Color).
			Datasource(r.datasource()).Target(r.newQuery(a.SQL(), false)))
	}
	id := uint32(0)
	for _, row := range board.Rows {
		b = b.WithRow(dashboard.NewRowBuilder(row.Title))
		for _, p := range row.Panels {
			id++
			builder, err := r.panel(p, id)
			if err != nil {
				return dashboard.Dashboard{}, err
			}
			b = b.WithPanel(builder)
		}
	}
	return b.Build()
}
