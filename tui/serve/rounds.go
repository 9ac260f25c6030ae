package serve

import (
	"fmt"
	"time"
)

// rounds looks at all connections again and again: whether their clients are
// still there, whether their keys may still log in, and whether anybody is at the
// keyboard.
func (s *Server) rounds(done <-chan struct{}) {
	ticker := time.NewTicker(s.limits.KeepAlive)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return
		case <-ticker.C:
			s.round()
		}
	}
}

func (s *Server) round() {
	keys, err := s.keys.read()
	unread := ""
	if err != nil {
		unread = err.Error()
	}
	s.mu.Lock()
	if unread != s.unread && err != nil {
		s.log.Error("keys", "why", unread, "then", "nobody can log in; sessions that are open stay")
	}
	s.unread = unread
	var all []*visitor
	for v := range s.visitors {
		all = append(all, v)
	}
	s.mu.Unlock()
	for _, v := range all {
		s.visit(v, keys, err == nil)
	}
}

// visit looks at a connection. known says that keys are those of the files.
func (s *Server) visit(v *visitor, keys map[string]key, known bool) {
	k, wire, in := v.who()
	if !in {
		return // the handshake has its own time
	}
	now, listed := keys[wire]
	switch {
	case known && !listed:
		v.end("the key " + k.name + " may no longer log in")
		return
	case known && now.role != k.role:
		v.end(fmt.Sprintf("the key %s may %s now; log in again", k.name, now.role))
		return
	case v.look():
		v.cut("the client no longer answers")
		return
	}
	v.mu.Lock()
	sessions, last := v.sessions, v.last
	v.mu.Unlock()
	if len(sessions) == 0 && s.now().Sub(last) >= s.limits.Grace {
		v.end("no session is open")
	}
	for _, c := range sessions {
		if s.limits.Idle > 0 && s.now().Sub(c.touched()) >= s.limits.Idle {
			c.end(fmt.Sprintf("no key was pressed for %s", s.limits.Idle))
		}
	}
}
