package viewer

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
)

const cookie = "tollkeeper_viewer"

// guard refuses what may not come in: names that a browser was talked into (DNS rebinding), other sites' requests, and
// whoever has no token where one is asked for. The page itself holds no data and needs no token.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		if !s.knownHost(r.Host) {
			fail(w, http.StatusMisdirectedRequest, errors.New("this viewer isn't reached under that name: open it by its address, or add the name to viewer.hosts"))
			return
		}
		if strings.HasPrefix(r.URL.Path, "/api/") {
			h.Set("Cache-Control", "no-store")
			if r.Method != http.MethodGet && !ownPage(r) {
				fail(w, http.StatusForbidden, errors.New("a request that changes something must come from the viewer's own page, as JSON"))
				return
			}
			if r.URL.Path != "/api/login" && !s.mayLook(r) {
				fail(w, http.StatusUnauthorized, errors.New("the viewer's token is needed (viewer.token)"))
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) knownHost(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	host = strings.Trim(host, "[]")
	own, _, _ := net.SplitHostPort(s.Addr())
	return loopback(host) || host == own || slices.Contains(s.cfg.Hosts, host)
}

// ownPage tells a request of our page from one that another site made the browser send: those can't set this content type
// without being asked first, and say where they come from.
func ownPage(r *http.Request) bool {
	if r.Header.Get("Content-Type") != "application/json" {
		return false
	}
	site, origin := r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Origin")
	if site != "" && site != "same-origin" {
		return false
	}
	return origin == "" || origin == "http://"+r.Host || origin == "https://"+r.Host
}

func (s *Server) mayLook(r *http.Request) bool {
	if s.cfg.Token == "" {
		return true
	}
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return same(proof(bearer), proof(s.cfg.Token))
	}
	c, err := r.Cookie(cookie)
	return err == nil && same(c.Value, proof(s.cfg.Token))
}

// login takes the token once and keeps a hash of it in a cookie that scripts can't read.
func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	var in struct{ Token string }
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4096)).Decode(&in); err != nil {
		fail(w, http.StatusBadRequest, errors.New(`want {"token": "…"}`))
		return
	}
	if s.cfg.Token == "" || !same(proof(in.Token), proof(s.cfg.Token)) {
		fail(w, http.StatusUnauthorized, errors.New("this is not the viewer's token (viewer.token in the configuration)"))
		return
	}
	http.SetCookie(w, &http.Cookie{Name: cookie, Value: proof(in.Token), Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https", MaxAge: 30 * 24 * 3600})
	w.WriteHeader(http.StatusNoContent)
}

func proof(token string) string {
	sum := sha256.Sum256([]byte("tollkeeper viewer\x00" + token))
	return hex.EncodeToString(sum[:])
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
