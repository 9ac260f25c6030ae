package serve

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"charm.land/ssh"

	"detnas/core/input"
)

// command answers a command line, which is taken apart as a shell does it.
func (c *session) command(sess ssh.Session) int {
	line := sess.RawCommand()
	code := exitUsage
	if !utf8.ValidString(line) || strings.ContainsFunc(line, unicode.IsControl) {
		say(sess.Stderr(), "the command line has signs that do not print")
	} else if args, err := input.Words(line); err != nil {
		say(sess.Stderr(), err.Error())
	} else {
		code = c.server.options.Command(c.ctx, c.guest, args, sess, sess.Stderr())
	}
	c.guest.log.Info("command", "line", shown(line), "code", code, "after", c.server.since(c.began))
	return code
}
