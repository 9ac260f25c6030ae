package serve

import (
	"errors"

	"charm.land/ssh"
	gossh "golang.org/x/crypto/ssh"
)

// config is the SSH library's configuration of a connection.
func (s *Server) config(ctx ssh.Context) *gossh.ServerConfig {
	v := visitorOf(ctx)
	return &gossh.ServerConfig{
		VerifiedPublicKeyCallback: func(conn gossh.ConnMetadata, public gossh.PublicKey, p *gossh.Permissions, _ string) (*gossh.Permissions, error) {
			return p, s.proved(v, conn.User(), public)
		},
		AuthLogCallback: func(conn gossh.ConnMetadata, method string, err error) {
			switch {
			case err == nil || method == "none": // with which every client begins
			case method == "publickey": // noted where it was offered
			default:
				v.try(conn.User(), shown(method)+" is not taken, only keys")
			}
		},
	}
}

// offered decides whether a client may try to prove that it has a key. That it
// has it is not known yet.
func (s *Server) offered(ctx ssh.Context, public ssh.PublicKey) bool {
	v := visitorOf(ctx)
	if _, err := s.find(public); err != nil {
		v.try(ctx.User(), err.Error())
		return false
	}
	return true
}

// find finds a key in the files as they are now.
func (s *Server) find(public gossh.PublicKey) (key, error) {
	keys, err := s.keys.read()
	if err != nil {
		return key{}, err
	}
	k, ok := keys[string(public.Marshal())]
	if !ok {
		return key{}, errors.New("the key " + gossh.FingerprintSHA256(public) + " is not listed")
	}
	return k, nil
}

// proved lets a client in that has proved to have a key.
func (s *Server) proved(v *visitor, user string, public gossh.PublicKey) error {
	k, err := s.find(public)
	if err != nil {
		v.try(user, err.Error())
		return err
	}
	v.login(user, string(public.Marshal()), k)
	room := s.door.pass(v.from, k.role)
	s.log.Info("login", "conn", v.number, "key", k.name, "fingerprint", k.fingerprint, "role", k.role.String(),
		"from", v.RemoteAddr().String(), "user", shown(user))
	if !room {
		err := errors.New("too many connections of keys that watch are open")
		v.cut(err.Error())
		return err
	}
	return nil
}
