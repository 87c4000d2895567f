package clickhouse

import (
	"sync"
	"time"
)

// sessions keeps the engine connections of clients that gave a session_id: temporary tables, SET and USE last from one
// request to the next.
type sessions struct {
	mu   sync.Mutex
	open map[string]*session
}

type session struct {
	conn  *conn
	busy  bool
	timer *time.Timer // ends the session when it runs out; stopped while busy
}

// take returns the session's connection, opened by open if there is none yet, for one request at a time. mustExist is
// session_check=1.
func (s *sessions) take(key string, mustExist bool, open func() (*conn, error)) (*conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if have := s.open[key]; have != nil {
		if have.busy {
			return nil, newException(codeSessionLocked, "SESSION_IS_LOCKED", "Session is locked by a concurrent client")
		}
		have.busy = true
		have.timer.Stop()
		return have.conn, nil
	}
	if mustExist {
		return nil, newException(codeSessionNotFound, "SESSION_NOT_FOUND", "Session not found")
	}
	c, err := open()
	if err != nil {
		return nil, err
	}
	if s.open == nil {
		s.open = map[string]*session{}
	}
	s.open[key] = &session{conn: c, busy: true, timer: time.AfterFunc(time.Hour, func() {})}
	return c, nil
}

// giveBack ends a request; the session lives on for the time given.
func (s *sessions) giveBack(key string, life time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	have := s.open[key]
	if have == nil {
		return
	}
	have.busy = false
	have.timer.Stop()
	have.timer = time.AfterFunc(life, func() { s.expire(key, have) })
}

func (s *sessions) expire(key string, old *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[key] == old && !old.busy {
		old.conn.close()
		delete(s.open, key)
	}
}

// closeAll ends all sessions; none may be in use.
func (s *sessions) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, have := range s.open {
		have.timer.Stop()
		have.conn.close()
		delete(s.open, key)
	}
}
