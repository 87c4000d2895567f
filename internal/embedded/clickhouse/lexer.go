package clickhouse

import "strings"

type tokenKind uint8

const (
	tokenWord   tokenKind = iota // keyword, bare identifier or number
	tokenQuoted                  // `x`, "x", 'x', $tag$x$tag$
	tokenPunct                   // one byte
	tokenBroken                  // a quote or comment that doesn't end
)

// token is a lexical unit of ClickHouse's SQL. depth counts the open brackets around it.
type token struct {
	kind       tokenKind
	start, end int
	depth      int
}

// lexer splits SQL text into tokens, leaving out white space and comments, after ClickHouse's Parsers/Lexer.cpp as far
// as the shape of a statement needs it.
type lexer struct {
	text  string
	pos   int
	depth int
}

// next returns the next token; ok is false at the end of the text.
func (l *lexer) next() (t token, ok bool) {
	if broken := l.skipBlank(); broken {
		t = token{tokenBroken, l.pos, len(l.text), l.depth}
		l.pos = len(l.text)
		return t, true
	}
	if l.pos >= len(l.text) {
		return token{}, false
	}
	start := l.pos
	switch c := l.text[start]; {
	case c == '\'' || c == '`' || c == '"':
		return l.quoted(start, c), true
	case c == '$':
		return l.heredoc(start), true
	case wordByte(c):
		for l.pos < len(l.text) && (wordByte(l.text[l.pos]) || l.text[l.pos] == '$') {
			l.pos++
		}
		return token{tokenWord, start, l.pos, l.depth}, true
	default:
		l.pos++
		depth := l.depth
		switch c {
		case '(', '[', '{':
			l.depth++
		case ')', ']', '}':
			l.depth--
			depth = l.depth
		}
		return token{tokenPunct, start, l.pos, depth}, true
	}
}

func wordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// skipBlank moves over white space and comments and says whether a comment has no end.
func (l *lexer) skipBlank() (broken bool) {
	for l.pos < len(l.text) {
		rest := l.text[l.pos:]
		switch {
		case rest[0] <= ' ':
			l.pos++
		case strings.HasPrefix(rest, "--"), strings.HasPrefix(rest, "#!"), strings.HasPrefix(rest, "# "):
			if i := strings.IndexByte(rest, '\n'); i >= 0 {
				l.pos += i + 1
			} else {
				l.pos = len(l.text)
			}
		case strings.HasPrefix(rest, "/*"):
			i := strings.Index(rest[2:], "*/")
			if i < 0 {
				return true
			}
			l.pos += i + 4
		default:
			return false
		}
	}
	return false
}

func (l *lexer) quoted(start int, quote byte) token {
	for l.pos = start + 1; l.pos < len(l.text); l.pos++ {
		switch l.text[l.pos] {
		case '\\':
			l.pos++
		case quote:
			if l.pos+1 < len(l.text) && l.text[l.pos+1] == quote {
				l.pos++
				continue
			}
			l.pos++
			return token{tokenQuoted, start, l.pos, l.depth}
		}
	}
	l.pos = len(l.text)
	return token{tokenBroken, start, l.pos, l.depth}
}

func (l *lexer) heredoc(start int) token {
	l.pos = start + 1
	for l.pos < len(l.text) && wordByte(l.text[l.pos]) {
		l.pos++
	}
	if l.pos >= len(l.text) || l.text[l.pos] != '$' {
		l.pos = start + 1
		return token{tokenPunct, start, l.pos, l.depth}
	}
	l.pos++
	tag := l.text[start:l.pos]
	if i := strings.Index(l.text[l.pos:], tag); i >= 0 {
		l.pos += i + len(tag)
		return token{tokenQuoted, start, l.pos, l.depth}
	}
	l.pos = len(l.text)
	return token{tokenBroken, start, l.pos, l.depth}
}
