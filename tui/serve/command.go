package serve

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"charm.land/ssh"
)

// command answers a command line.
func (c *session) command(sess ssh.Session) int {
	line := sess.RawCommand()
	code := exitUsage
	if utf8.ValidString(line) && !strings.ContainsFunc(line, unicode.IsControl) {
		code = c.server.options.Command(c.ctx, c.guest, strings.Fields(line), sess, sess.Stderr())
	} else {
		say(sess.Stderr(), "the command line has signs that do not print")
	}
	c.guest.log.Info("command", "line", shown(line), "code", code, "after", c.server.since(c.began))
	return code
}
