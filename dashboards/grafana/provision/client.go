package provision

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// client speaks Grafana's HTTP API as a server administrator (basic authentication: tokens can't create organisations).
type client struct {
	base           string
	user, password string
	http           *http.Client
	versions       map[string]int64 // of dashboards, as last seen or written here, by organisation and uid
}

func newClient(c Config) *client {
	return &client{strings.TrimRight(c.URL, "/"), c.User, c.Password, &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{Proxy: http.ProxyFromEnvironment},
		// A redirect would carry the administrator's password to wherever it points.
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return errors.New("a redirect: give Grafana's final address as url")
		}}, map[string]int64{}}
}

// apiError is an answer of Grafana that is no 2xx.
type apiError struct {
	status  int
	message string
}

func (e *apiError) Error() string { return fmt.Sprintf("Grafana answers %d: %s", e.status, e.message) }

func is(err error, status int) bool {
	var e *apiError
	return errors.As(err, &e) && e.status == status
}

const answerLimit = 8 << 20

// call asks in the context of an organisation (0: none) and reads the answer into out (nil: not read).
func (c *client) call(ctx context.Context, method, path string, org int64, in, out any) error {
	what := method + " " + path
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	req.SetBasicAuth(c.user, c.password)
	req.Header.Set("Accept", "application/json")
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if org != 0 {
		req.Header.Set("X-Grafana-Org-Id", strconv.FormatInt(org, 10))
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, answerLimit))
	if err != nil {
		return fmt.Errorf("%s: read the answer: %w", what, err)
	}
	if resp.StatusCode/100 != 2 {
		var m struct{ Message string }
		_ = json.Unmarshal(answer, &m)
		return fmt.Errorf("%s: %w", what, &apiError{resp.StatusCode, m.Message})
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%s: the answer is no JSON as documented: %w", what, err)
	}
	return nil
}

// org returns the id of the organisation of that name, creating it if it isn't there.
func (c *client) org(ctx context.Context, name string) (id int64, created bool, err error) {
	find := func() (int64, error) {
		var o struct{ ID int64 }
		err := c.call(ctx, http.MethodGet, "/api/orgs/name/"+url.PathEscape(name), 0, nil, &o)
		return o.ID, err
	}
	if id, err = find(); !is(err, http.StatusNotFound) {
		return id, false, err
	}
	var made struct {
		OrgID json.Number `json:"orgId"` // a number, or a string in some versions' answers
	}
	err = c.call(ctx, http.MethodPost, "/api/orgs", 0, map[string]string{"name": name}, &made)
	if is(err, http.StatusConflict) { // somebody else was faster
		id, err = find()
		return id, false, err
	}
	if err != nil {
		return 0, false, err
	}
	id, err = strconv.ParseInt(strings.Trim(made.OrgID.String(), `"`), 10, 64)
	return id, true, err
}

type source struct {
	UID            string            `json:"uid"`
	Name           string            `json:"name"`
	Type           string            `json:"type"`
	Access         string            `json:"access"`
	URL            string            `json:"url"`
	IsDefault      bool              `json:"isDefault"`
	JSONData       map[string]any    `json:"jsonData"`
	SecureJSONData map[string]string `json:"secureJsonData,omitempty"`
	ReadOnly       bool              `json:"readOnly,omitempty"`
}

// source makes the organisation's data source what it should be; the password can't be read back, so its mark tells.
func (c *client) source(ctx context.Context, org int64, want source) (changed bool, err error) {
	path := "/api/datasources/uid/" + url.PathEscape(want.UID)
	var have source
	err = c.call(ctx, http.MethodGet, path, org, nil, &have)
	switch {
	case is(err, http.StatusNotFound):
		return true, c.call(ctx, http.MethodPost, "/api/datasources", org, want, nil)
	case err != nil:
		return false, err
	case have.Name == want.Name && have.Type == want.Type && have.Access == want.Access && have.URL == want.URL && have.IsDefault == want.IsDefault && sameJSON(have.JSONData, want.JSONData):
		return false, nil
	}
	return true, c.call(ctx, http.MethodPut, path, org, want, nil)
}

// folder makes sure that the folder is there.
func (c *client) folder(ctx context.Context, org int64, uid, title string) (changed bool, err error) {
	err = c.call(ctx, http.MethodGet, "/api/folders/"+url.PathEscape(uid), org, nil, nil)
	if !is(err, http.StatusNotFound) {
		return false, err
	}
	return true, c.call(ctx, http.MethodPost, "/api/folders", org, map[string]string{"uid": uid, "title": title}, nil)
}

// dashboard makes the dashboard what it should be. Grafana may rewrite a dashboard's JSON into newer forms, so what is
// wanted is told by a tag, its fingerprint, and an edit by the version that Grafana counts up.
func (c *client) dashboard(ctx context.Context, org int64, folder string, want []byte) (changed bool, err error) {
	var board map[string]any
	if err := json.Unmarshal(want, &board); err != nil {
		return false, fmt.Errorf("dashboard: %w", err)
	}
	uid, _ := board["uid"].(string)
	sum := sha256.Sum256(want)
	mark := "revision-" + hex.EncodeToString(sum[:5])
	tags, _ := board["tags"].([]any)
	board["tags"], board["id"] = append(tags, mark), nil
	var have struct {
		Dashboard struct {
			Tags    []string `json:"tags"`
			Version int64    `json:"version"`
		} `json:"dashboard"`
		Meta struct {
			FolderUID string `json:"folderUid"`
		} `json:"meta"`
	}
	err = c.call(ctx, http.MethodGet, "/api/dashboards/uid/"+url.PathEscape(uid), org, nil, &have)
	if err != nil && !is(err, http.StatusNotFound) {
		return false, err
	}
	key := fmt.Sprintf("%d/%s", org, uid)
	written, known := c.versions[key]
	if err == nil && have.Meta.FolderUID == folder && slices.Contains(have.Dashboard.Tags, mark) && (!known || written == have.Dashboard.Version) {
		c.versions[key] = have.Dashboard.Version
		return false, nil
	}
	var saved struct{ Version int64 }
	if err := c.call(ctx, http.MethodPost, "/api/dashboards/db", org, map[string]any{"dashboard": board, "folderUid": folder, "overwrite": true, "message": "written by tollkeeper"}, &saved); err != nil {
		return false, err
	}
	c.versions[key] = saved.Version
	return true, nil
}

func sameJSON(a, b any) bool {
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && bytes.Equal(x, y)
}
