package api

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
)

// The page's size.
const (
	usualPage = 100
	mostRows  = 1000
)

// cursor is where the next page begins: after a key, of the same question.
type cursor struct {
	Question string `json:"q"`
	After    string `json:"a"`
}

// page sorts rows by a key that is theirs alone, so that a call that comes between two pages makes no row come twice or be left
// out, and takes those of the page. next is empty on the last one.
func page[T any](q question, rows []T, key func(T) string) (out []T, next string, err error) {
	limit := usualPage
	if text, given := q.params["limit"]; given {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > mostRows {
			return nil, "", bad("limit %q: want 1 to %d", text, mostRows)
		}
	}
	slices.SortStableFunc(rows, func(a, b T) int {
		if x, y := key(a), key(b); x < y {
			return -1
		} else if x > y {
			return 1
		}
		return 0
	})
	if text, given := q.params["cursor"]; given {
		c, ok := parseCursor(text)
		if !ok || c.Question != q.hash() {
			return nil, "", bad("cursor: %w", errCursor)
		}
		rows = rows[len(rows)-len(slices.DeleteFunc(slices.Clone(rows), func(r T) bool { return key(r) <= c.After })):]
	}
	if len(rows) > limit {
		rows = rows[:limit]
		text, err := json.Marshal(cursor{q.hash(), key(rows[limit-1])})
		if err != nil {
			return nil, "", err
		}
		next = base64.RawURLEncoding.EncodeToString(text)
	}
	if rows == nil {
		rows = []T{}
	}
	return rows, next, nil
}

func parseCursor(text string) (c cursor, ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	return c, err == nil && json.Unmarshal(raw, &c) == nil
}

// hash is the question without its place.
func (q question) hash() string {
	h := sha256.New()
	_, _ = h.Write([]byte(q.tenant))
	for _, name := range slices.Sorted(maps.Keys(q.params)) {
		if name != "cursor" && name != "limit" {
			_, _ = h.Write([]byte("\x00" + name + "\x00" + q.params[name]))
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
