package viewer

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/tollkeeper/tollkeeper/dashboards/explain"
	"github.com/tollkeeper/tollkeeper/pricing"
)

// call explains every report of a trace, or of one span of it.
func (s *Server) call(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("trace")
	if span := r.PathValue("span"); span != "" {
		id += "/" + span
	}
	trace, span, err := explain.Parse(id)
	if err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	reports, err := explain.Trace(r.Context(), s.conn, trace, span)
	if err != nil {
		s.deps.Log.Warn("viewer: explain a call", "error", err)
		fail(w, http.StatusBadGateway, errors.New("the ledger did not answer"))
		return
	}
	if len(reports) == 0 {
		fail(w, http.StatusNotFound, fmt.Errorf("no report of %s: it told of no call, has not arrived yet, or its rows have expired", id))
		return
	}
	book, err := s.deps.Book()
	if err != nil {
		fail(w, http.StatusInternalServerError, fmt.Errorf("the price files can't be read: %w", err))
		return
	}
	var text strings.Builder
	if err := explain.WriteText(&text, reports, book); err != nil {
		fail(w, http.StatusInternalServerError, err)
		return
	}
	write(w, map[string]any{"reports": reports, "text": text.String()})
}

// mostPrices is how many rows the page of prices shows at once.
const mostPrices = 300

// prices lists what is in force now, narrowed by provider and a part of the model's name.
func (s *Server) prices(w http.ResponseWriter, r *http.Request) {
	book, err := s.deps.Book()
	if err != nil {
		fail(w, http.StatusInternalServerError, fmt.Errorf("the price files can't be read: %w", err))
		return
	}
	rows := book.List(r.URL.Query().Get("provider"), r.URL.Query().Get("model"), time.Now())
	total := len(rows)
	rows = rows[:min(total, mostPrices)]
	if rows == nil {
		rows = []pricing.Row{}
	}
	write(w, map[string]any{"rows": rows, "total": total, "providers": book.Providers(), "version": book.Version()})
}
