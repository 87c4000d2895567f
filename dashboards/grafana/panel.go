package grafana

import (
	"fmt"
	"sort"

	"github.com/grafana/grafana-foundation-sdk/go/barchart"
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"

	"github.com/tollkeeper/tollkeeper/dashboards"
)

// panel renders one panel; ids are unique on a board.
func (r renderer) panel(p dashboards.Panel, id uint32) (cog.Builder[dashboard.Panel], error) {
	switch p.Kind {
	case dashboards.Stat:
		return r.statPanel(p, id), nil
	case dashboards.TimeSeries:
		return r.timeSeriesPanel(p, id), nil
	case dashboards.Table:
		return r.tablePanel(p, id), nil
	case dashboards.Bars:
		return r.barPanel(p, id), nil
	}
	return nil, fmt.Errorf("panel %q: unknown kind %q", p.Title, p.Kind)
}

func (r renderer) statPanel(p dashboards.Panel, id uint32) cog.Builder[dashboard.Panel] {
	reduce := common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"}).Values(false)
	if p.Unit == dashboards.Text {
		reduce = reduce.Fields("/.*/") // text is no number: take every field, not only numeric ones
	}
	b := stat.NewPanelBuilder().Id(id).Title(p.Title).Description(p.Description).Datasource(r.datasource()).
		Span(p.Width).Height(p.Height).Unit(string(p.Unit)).NoValue("0").GraphMode(common.BigValueGraphModeNone).
		Orientation(common.VizOrientationAuto).ReduceOptions(reduce).WithTarget(r.newQuery(p.SQL(), false))
	if p.Bad != nil {
		b = b.ColorMode(common.BigValueColorModeValue).Thresholds(dashboard.NewThresholdsConfigBuilder().
			Mode(dashboard.ThresholdsModeAbsolute).
			Steps([]dashboard.Threshold{{Color: "green"}, {Color: "red", Value: p.Bad}}))
	} else {
		b = b.ColorMode(common.BigValueColorModeNone)
	}
	return b
}

func (r renderer) timeSeriesPanel(p dashboards.Panel, id uint32) cog.Builder[dashboard.Panel] {
	b := timeseries.NewPanelBuilder().Id(id).Title(p.Title).Description(p.Description).Datasource(r.datasource()).
		Span(p.Width).Height(p.Height).Unit(string(p.Unit)).Min(0).Interval("1m").LineWidth(1).
		Legend(common.NewVizLegendOptionsBuilder().DisplayMode(common.LegendDisplayModeTable).
			Placement(common.LegendPlacementRight).ShowLegend(true).Calcs([]string{"sum"})).
		Tooltip(common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeMulti).Sort(common.SortOrderDescending)).
		WithTarget(r.newQuery(p.SQL(), true))
	if p.Stacked {
		return b.FillOpacity(70).LineWidth(0).DrawStyle(common.GraphDrawStyleBars).
			Stacking(common.NewStackingConfigBuilder().Mode(common.StackingModeNormal))
	}
	return b.FillOpacity(8).ShowPoints(common.VisibilityModeNever)
}

func (r renderer) tablePanel(p dashboards.Panel, id uint32) cog.Builder[dashboard.Panel] {
	b := table.NewPanelBuilder().Id(id).Title(p.Title).Description(p.Description).Datasource(r.datasource()).
		Span(p.Width).Height(p.Height).NoValue("none").WithTarget(r.newQuery(p.SQL(), false))
	for _, column := range sortedKeys(p.Columns) {
		b = b.OverrideByName(column, []dashboard.DynamicConfigValue{{Id: "unit", Value: string(p.Columns[column])}})
	}
	for _, l := range p.Links {
		b = b.OverrideByName(l.Column, []dashboard.DynamicConfigValue{{Id: "links", Value: []map[string]any{{
			"title": "Open " + l.Column + " ${__value.text}",
			"url":   fmt.Sprintf("/d/%s?var-%s=${__data.fields[%q]}&${__url_time_range}", l.Board, l.Variable, l.Value),
		}}}})
	}
	for _, column := range p.Hidden {
		b = b.OverrideByName(column, []dashboard.DynamicConfigValue{{Id: "custom.hidden", Value: true}})
	}
	for _, column := range p.SumColumns { // Grafana 12.2 moved the footer from the table's options to its columns
		b = b.OverrideByName(column, []dashboard.DynamicConfigValue{{Id: "custom.footer", Value: map[string]any{"reducers": []string{"sum"}}}})
	}
	return noFooter{b}
}

// noFooter takes out the table-wide footer that the SDK always writes and current Grafana no longer knows.
type noFooter struct{ *table.PanelBuilder }

func (b noFooter) Build() (dashboard.Panel, error) {
	p, err := b.PanelBuilder.Build()
	if options, ok := p.Options.(*table.Options); ok {
		options.Footer = nil
	}
	return p, err
}

func (r renderer) barPanel(p dashboards.Panel, id uint32) cog.Builder[dashboard.Panel] {
	return barchart.NewPanelBuilder().Id(id).Title(p.Title).Description(p.Description).Datasource(r.datasource()).
		Span(p.Width).Height(p.Height).Unit(string(p.Unit)).Orientation(common.VizOrientationHorizontal).
		Legend(common.NewVizLegendOptionsBuilder().ShowLegend(false).DisplayMode(common.LegendDisplayModeList).
			Placement(common.LegendPlacementBottom)).
		Tooltip(common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeSingle).Sort(common.SortOrderNone)).
		WithTarget(r.newQuery(p.SQL(), false))
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
