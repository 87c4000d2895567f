package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func newRequests() *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "tollkeeper_api_request_seconds",
		Help:    "Duration of the API's requests, by path (other: there is no such path) and HTTP status; nobody's name is in it.",
		Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
	}, []string{"path", "status"})
}

// measured observes what a handler takes under the path that was asked for.
func (s *Server) measured(path string, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		began, told := time.Now(), &status{ResponseWriter: w, code: http.StatusOK}
		defer func() { s.requests.WithLabelValues(path, strconv.Itoa(told.code)).Observe(time.Since(began).Seconds()) }()
		h(told, r)
	}
}

// status keeps the status of an answer.
type status struct {
	http.ResponseWriter
	code int
}

func (s *status) WriteHeader(code int) {
	s.code = code
	s.ResponseWriter.WriteHeader(code)
}
