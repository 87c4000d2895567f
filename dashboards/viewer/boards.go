package viewer

import (
	"net/http"

	"github.com/tollkeeper/tollkeeper/dashboards"
)

// What the page is told of the boards: all of dashboards.Board but the SQL.
type board struct {
	UID         string     `json:"uid"`
	Title       string     `json:"title"`
	Description string     `json:"description"`
	From        string     `json:"from"`
	Variables   []choice   `json:"variables"`
	Rows        []row      `json:"rows"`
	Annotations []sideline `json:"annotations"`
}

type choice struct {
	Name  string `json:"name"`
	Label string `json:"label"`
	Query string `json:"query"`
}

type row struct {
	Title  string  `json:"title"`
	Panels []panel `json:"panels"`
}

type sideline struct {
	Name  string `json:"name"`
	Query string `json:"query"`
}

type panel struct {
	Title       string                     `json:"title"`
	Description string                     `json:"description"`
	Kind        dashboards.Kind            `json:"kind"`
	Query       string                     `json:"query"`
	Unit        dashboards.Unit            `json:"unit"`
	Width       uint32                     `json:"width"`
	Height      uint32                     `json:"height"`
	Stacked     bool                       `json:"stacked"`
	Columns     map[string]dashboards.Unit `json:"columns"`
	Links       []dashboards.Link          `json:"links"`
	Hidden      []string                   `json:"hidden"`
	Bad         *float64                   `json:"bad"`
	Sums        []string                   `json:"sums"`
	MayBeEmpty  bool                       `json:"may_be_empty"`
}

func (s *Server) boards(w http.ResponseWriter, _ *http.Request) {
	var out []board
	for _, b := range dashboards.All() {
		out = append(out, forPage(b))
	}
	write(w, map[string]any{"boards": out, "version": s.deps.Version, "otlp_grpc": s.deps.OTLPGRPC, "otlp_http": s.deps.OTLPHTTP, "can_act": s.deps.Act != nil})
}

func forPage(b dashboards.Board) board {
	out := board{UID: b.UID, Title: b.Title, Description: b.Description, From: b.From, Variables: []choice{}, Rows: []row{}, Annotations: []sideline{}}
	for _, v := range b.Variables {
		out.Variables = append(out.Variables, choice{v.Name, v.Label, v.Query})
	}
	for _, a := range b.Annotations {
		out.Annotations = append(out.Annotations, sideline{a.Name, a.Query})
	}
	for _, r := range b.Rows {
		to := row{Title: r.Title, Panels: []panel{}}
		for _, p := range r.Panels {
			to.Panels = append(to.Panels, panel{p.Title, p.Description, p.Kind, p.Query, p.Unit, p.Width, p.Height, p.Stacked, p.Columns, p.Links, p.Hidden, p.Bad, p.SumColumns, p.MayBeEmpty})
		}
		out.Rows = append(out.Rows, to)
	}
	return out
}
