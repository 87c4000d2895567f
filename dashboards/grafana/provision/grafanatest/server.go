// Package grafanatest is a server that answers the part of Grafana's HTTP API that provisioning uses, as Grafana's
// documentation says (HTTP API reference of 11.6 and 13: organizations, data sources, folders, dashboards): organisations
// by name, everything else in the organisation of X-Grafana-Org-Id, 401 without the administrator, 404, 409 and 412 with
// their messages, secrets that can be written and never read.
package grafanatest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
)

// Org is what an organisation holds, by uid.
type Org struct {
	ID         int64
	Name       string
	Sources    map[string]map[string]any
	Secrets    map[string]map[string]string // by data source
	Folders    map[string]string
	Dashboards map[string]map[string]any
	FolderOf   map[string]string
}

// Server is Grafana for tests.
type Server struct {
	*httptest.Server
	User, Password string

	mu       sync.Mutex
	orgs     []*Org
	requests []string // "POST /api/orgs" …, those that change something
}

// Start starts an empty Grafana; it has the main organisation, as a fresh one has.
func Start(user, password string) *Server {
	s := &Server{User: user, Password: password}
	s.add("Main Org.")
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	return s
}

// Orgs are the organisations beside the main one.
func (s *Server) Orgs() []*Org {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.orgs[1:]
}

// Changes lists the requests so far that weren't GET, and forgets them.
func (s *Server) Changes() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.requests
	s.requests = nil
	return out
}

// Edit changes what an organisation holds, as a person would.
func (s *Server) Edit(change func(orgs []*Org)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s.orgs[1:])
}

func (s *Server) add(name string) *Org {
	o := &Org{ID: int64(len(s.orgs) + 1), Name: name, Sources: map[string]map[string]any{}, Secrets: map[string]map[string]string{}, Folders: map[string]string{},
		Dashboards: map[string]map[string]any{}, FolderOf: map[string]string{}}
	s.orgs = append(s.orgs, o)
	return o
}

type answer struct {
	status int
	body   any
}

func say(status int, format string, args ...any) answer {
	return answer{status, map[string]any{"message": fmt.Sprintf(format, args...)}}
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var in map[string]any
	a := answer{}
	user, password, _ := r.BasicAuth()
	switch {
	case user != s.User || password != s.Password:
		a = say(401, "Invalid username or password")
	case r.Method != http.MethodGet && json.NewDecoder(r.Body).Decode(&in) != nil:
		a = say(400, "bad request data")
	default:
		if r.Method != http.MethodGet {
			s.requests = append(s.requests, r.Method+" "+r.URL.Path)
		}
		a = s.route(r, in)
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(a.status)
	_ = json.NewEncoder(w).Encode(a.body)
}

func (s *Server) route(r *http.Request, in map[string]any) answer {
	path := r.URL.Path
	if name, ok := strings.CutPrefix(path, "/api/orgs/name/"); ok && r.Method == http.MethodGet {
		for _, o := range s.orgs {
			if o.Name == name {
				return answer{200, map[string]any{"id": o.ID, "name": o.Name, "address": map[string]string{}}}
			}
		}
		return say(404, "Organization not found")
	}
	if path == "/api/orgs" && r.Method == http.MethodPost {
		name, _ := in["name"].(string)
		if name == "" {
			return say(400, "bad request data")
		}
		for _, o := range s.orgs {
			if o.Name == name {
				return say(409, "Organization name taken")
			}
		}
		return answer{200, map[string]any{"orgId": s.add(name).ID, "message": "Organization created"}}
	}
	o := s.orgs[0]
	if h := r.Header.Get("X-Grafana-Org-Id"); h != "" {
		id, err := strconv.ParseInt(h, 10, 64)
		if err != nil || id < 1 || id > int64(len(s.orgs)) {
			return say(403, "You'll need additional permissions to perform this action.")
		}
		o = s.orgs[id-1]
	}
	kind, uid, _ := strings.Cut(strings.TrimPrefix(path, "/api/"), "/")
	switch {
	case kind == "datasources":
		return o.source(r.Method, strings.TrimPrefix(uid, "uid/"), in)
	case kind == "folders":
		return o.folder(r.Method, uid, in)
	case kind == "dashboards" && uid == "db" && r.Method == http.MethodPost:
		return o.save(in)
	case kind == "dashboards" && r.Method == http.MethodGet:
		uid = strings.TrimPrefix(uid, "uid/")
		if d, ok := o.Dashboards[uid]; ok {
			return answer{200, map[string]any{"dashboard": d, "meta": map[string]any{"folderUid": o.FolderOf[uid], "slug": "x", "version": d["version"]}}}
		}
		return say(404, "Dashboard not found")
	}
	return say(404, "Not found")
}

func (o *Org) source(method, uid string, in map[string]any) answer {
	have, ok := o.Sources[uid]
	switch method {
	case http.MethodGet:
		if !ok {
			return say(404, "Data source not found")
		}
		return answer{200, have}
	case http.MethodPost:
		uid, _ = in["uid"].(string)
		for other, ds := range o.Sources {
			if other == uid || ds["name"] == in["name"] {
				return say(409, "data source with the same name already exists")
			}
		}
	case http.MethodPut:
		if !ok {
			return say(404, "Data source not found")
		}
	}
	secrets, _ := in["secureJsonData"].(map[string]any)
	kept := maps.Clone(in)
	delete(kept, "secureJsonData")
	fields := map[string]bool{}
	for name, value := range secrets {
		if o.Secrets[uid] == nil {
			o.Secrets[uid] = map[string]string{}
		}
		o.Secrets[uid][name] = fmt.Sprint(value)
	}
	for name := range o.Secrets[uid] {
		fields[name] = true
	}
	kept["secureJsonFields"], kept["id"], kept["orgId"], kept["version"] = fields, len(o.Sources)+1, o.ID, 1
	o.Sources[uid] = kept
	return answer{200, map[string]any{"datasource": kept, "id": kept["id"], "message": "Datasource added", "name": kept["name"]}}
}

func (o *Org) folder(method, uid string, in map[string]any) answer {
	if method == http.MethodGet {
		if title, ok := o.Folders[uid]; ok {
			return answer{200, map[string]any{"uid": uid, "title": title, "id": 1, "version": 1}}
		}
		return say(404, "folder not found")
	}
	uid, _ = in["uid"].(string)
	if _, ok := o.Folders[uid]; ok {
		return say(412, "The folder has been changed by someone else")
	}
	o.Folders[uid], _ = in["title"].(string)
	return answer{200, map[string]any{"uid": uid, "title": o.Folders[uid], "id": 1, "version": 1}}
}

func (o *Org) save(in map[string]any) answer {
	board, _ := in["dashboard"].(map[string]any)
	folder, _ := in["folderUid"].(string)
	uid, _ := board["uid"].(string)
	title, _ := board["title"].(string)
	if title == "" {
		return say(400, "Dashboard title cannot be empty")
	}
	if len(uid) > 40 {
		return say(400, "uid too long, max 40 characters")
	}
	if _, ok := o.Folders[folder]; folder != "" && !ok {
		return say(400, "folder not found")
	}
	version := 1
	if have, ok := o.Dashboards[uid]; ok {
		if in["overwrite"] != true {
			return answer{412, map[string]any{"status": "version-mismatch", "message": "The dashboard has been changed by someone else"}}
		}
		version = have["version"].(int) + 1
	}
	kept := maps.Clone(board)
	kept["version"], kept["id"] = version, len(o.Dashboards)+1
	o.Dashboards[uid], o.FolderOf[uid] = kept, folder
	return answer{200, map[string]any{"id": kept["id"], "uid": uid, "url": "/d/" + uid, "status": "success", "version": version, "slug": "x"}}
}
