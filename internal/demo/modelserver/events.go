package modelserver

import (
	"encoding/json"
	"net/http"
)

// events writes server-sent events. Write errors mean that the client went away; what it was sent is billed all the same.
type events struct {
	w     http.ResponseWriter
	flush *http.ResponseController
}

func newEvents(w http.ResponseWriter) events {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
	w.WriteHeader(http.StatusOK)
	return events{w, http.NewResponseController(w)}
}

// send writes one event, with a name if the API names its events.
func (e events) send(name string, body any) {
	b, err := json.Marshal(body)
	if err != nil { // only maps of strings and numbers are sent
		panic(err)
	}
	head := ""
	if name != "" {
		head = "event: " + name + "\n"
	}
	e.raw(head + "data: " + string(b) + "\n\n")
}

func (e events) raw(s string) {
	_, _ = e.w.Write([]byte(s))
	_ = e.flush.Flush()
}
