package clickhouse

import (
	"fmt"
	"slices"
	"strings"
)

type statementKind uint8

const (
	statementEffect     statementKind = iota // DDL, SHOW, EXPLAIN …: few rows come back, or none
	statementRows                            // SELECT: any number of rows, in a format
	statementInsertData                      // INSERT with data after it
)

// statement is the shape of one SQL statement: as much as the front needs to send its result into a pipe or its data
// through a file. The engine's own parser has the last word on everything else.
type statement struct {
	kind    statementKind
	text    string // without a trailing semicolon
	format  string // the FORMAT it names, "" if none
	data    int    // statementInsertData: where the data starts in the text given to parseStatement
	splice  int    // where INTO OUTFILE or FROM INFILE belongs in text
	reads   bool   // SHOW, DESCRIBE, EXPLAIN …: changes nothing
	session bool   // SET or USE: changes nothing but the session
	after   int    // statementInsertData: where the FORMAT clause ends; a SETTINGS clause may follow
	input   *token // INSERT … SELECT … FROM input(…): the word input
	values  int    // where the keyword VALUES starts, -1 if the data is named by FORMAT
}

// scanner reads a statement's tokens at bracket depth 0.
type scanner struct {
	lexer
	prev, cur token
	more      bool
}

func (s *scanner) advance() bool {
	s.prev = s.cur
	s.cur, s.more = s.next()
	return s.more
}

// is says whether the current token is the keyword, outside all brackets.
func (s *scanner) is(keyword string) bool {
	return s.more && s.cur.kind == tokenWord && s.cur.depth == 0 && strings.EqualFold(s.text[s.cur.start:s.cur.end], keyword)
}

func (s *scanner) punct(c byte) bool {
	return s.more && s.cur.kind == tokenPunct && s.text[s.cur.start] == c
}

// parseStatement finds the shape of the statement at the start of text. For an INSERT with data, text may go on with
// any bytes after the statement; whole says that text is all there is.
func parseStatement(text string) (statement, error) {
	s := &scanner{lexer: lexer{text: text}}
	if !s.advance() {
		return statement{}, newException(codeSyntaxError, "SYNTAX_ERROR", "Empty query")
	}
	switch {
	case s.is("INSERT"):
		return parseInsert(s)
	case s.punct('('):
		return parseRows(s, statementRows)
	}
	kind := statementEffect
	if slices.ContainsFunc([]string{"SELECT", "WITH", "FROM"}, s.is) {
		kind = statementRows
	}
	reads := slices.ContainsFunc([]string{"SHOW", "DESCRIBE", "DESC", "EXISTS", "EXPLAIN", "CHECK"}, s.is)
	session := s.is("SET") || s.is("USE")
	st, err := parseRows(s, kind)
	st.session, st.reads = session, reads
	return st, err
}

// parseRows reads a statement to its end: its FORMAT clause and the place for INTO OUTFILE.
func parseRows(s *scanner, kind statementKind) (statement, error) {
	st := statement{kind: kind}
	first, end, formatAt := s.cur, s.cur.end, -1
	for ; s.more; s.advance() {
		if s.cur.kind == tokenBroken {
			return st, newException(codeSyntaxError, "SYNTAX_ERROR", "Syntax error: failed at position %d: a quoted string or comment has no end", s.cur.start+1)
		}
		if s.punct(';') && s.cur.depth == 0 {
			if s.advance() {
				return st, newException(codeSyntaxError, "SYNTAX_ERROR", "Syntax error (Multi-statements are not allowed): failed at position %d (end of query)", s.prev.start+1)
			}
			break
		}
		switch {
		case s.is("INSERT") && strings.EqualFold(s.text[first.start:first.end], "WITH"):
			kind = statementEffect
		case s.is("OUTFILE"):
			return st, newException(codeUnsupportedMethod, "UNSUPPORTED_METHOD", "INTO OUTFILE is not allowed over HTTP")
		}
		if s.is("FORMAT") && s.cur.start != first.start && s.afterExpression() {
			at := s.cur.start
			end = s.cur.end
			if name := s.lookaheadFormat(); name != "" {
				formatAt, st.format = at, name
			}
			continue
		}
		end = s.cur.end
	}
	st.kind, st.text = kind, s.text[:end]
	st.splice = end
	if formatAt >= 0 {
		st.splice = formatAt
	}
	return st, nil
}

// lookaheadFormat returns the name after the keyword FORMAT if the clause ends the statement, or "" (a column
// called format).
func (s *scanner) lookaheadFormat() string {
	ahead := *s
	if !ahead.advance() || ahead.cur.kind != tokenWord || ahead.cur.depth != 0 {
		return ""
	}
	name := s.text[ahead.cur.start:ahead.cur.end]
	if !ahead.advance() || ahead.punct(';') || ahead.is("SETTINGS") {
		return name
	}
	return ""
}

// parseInsert reads INSERT INTO [TABLE|FUNCTION] … up to its data, or to its end if it selects.
func parseInsert(s *scanner) (statement, error) {
	settingsAt := -1
	for s.advance() {
		switch {
		case s.cur.kind == tokenBroken:
			return statement{}, newException(codeSyntaxError, "SYNTAX_ERROR", "Syntax error: failed at position %d: a quoted string or comment has no end", s.cur.start+1)
		case s.is("SELECT"), s.is("WITH"), s.is("WATCH"), s.is("FROM"), s.punct('(') && s.beginsSelect():
			return parseInsertSelect(s)
		case s.is("SETTINGS"):
			settingsAt = s.cur.start
		case s.is("VALUES") && s.afterTable():
			st := statement{kind: statementInsertData, format: "Values", data: s.cur.end, splice: s.cur.start, values: s.cur.start}
			st.text = s.text[:s.cur.end]
			return st.settingsBefore(settingsAt), nil
		case s.is("FORMAT") && s.afterTable():
			at := s.cur.start
			if !s.advance() || s.cur.kind != tokenWord {
				return statement{}, newException(codeSyntaxError, "SYNTAX_ERROR", "Syntax error: failed at position %d: FORMAT without a name", at+1)
			}
			name, end := s.text[s.cur.start:s.cur.end], s.cur.end
			if strings.EqualFold(name, "Values") {
				name = "Values"
			}
			st := statement{kind: statementInsertData, format: name, splice: at, values: -1, after: end}
			end, st.data = s.settingsAfterFormat(end)
			st.text = s.text[:end]
			return st.settingsBefore(settingsAt), nil
		}
	}
	return statement{kind: statementEffect, text: s.text, splice: len(s.text)}, nil
}

// beginsSelect says that the bracket opens a query, not a list of columns.
func (s *scanner) beginsSelect() bool {
	ahead := *s
	for ahead.advance() && ahead.punct('(') {
	}
	word := ahead.text[ahead.cur.start:ahead.cur.end]
	return ahead.more && ahead.cur.kind == tokenWord && (strings.EqualFold(word, "SELECT") || strings.EqualFold(word, "WITH"))
}

// parseInsertSelect reads INSERT … SELECT …: an effect, unless it selects from input(…), whose data follows the FORMAT
// clause.
func parseInsertSelect(s *scanner) (statement, error) {
	ahead := *s
	var input *token
	for ; ahead.more; ahead.advance() {
		if ahead.punct('(') && strings.EqualFold(s.text[ahead.prev.start:ahead.prev.end], "input") && ahead.prev.kind == tokenWord {
			word := ahead.prev
			input = &word
		}
		if input == nil || !ahead.is("FORMAT") {
			continue
		}
		at := ahead.cur.start
		if !ahead.advance() || ahead.cur.kind != tokenWord {
			break
		}
		st := statement{kind: statementInsertData, format: s.text[ahead.cur.start:ahead.cur.end], splice: at, values: -1, input: input}
		st.after = ahead.cur.end
		var end int
		end, st.data = ahead.settingsAfterFormat(st.after)
		st.text = s.text[:end]
		return st, nil
	}
	if s.is("FROM") {
		if next := *s; next.advance() && next.is("INFILE") {
			return statement{}, newException(codeUnsupportedMethod, "UNSUPPORTED_METHOD", "FROM INFILE is not allowed over HTTP")
		}
	}
	return parseRows(s, statementEffect)
}

// expectsMore are keywords behind which stands a name, so that FORMAT there is a column.
var expectsMore = []string{"SELECT", "DISTINCT", "BY", "AS", "FROM", "WHERE", "PREWHERE", "HAVING", "AND", "OR", "NOT", "IN", "LIKE", "ON", "USING", "WITH", "BETWEEN", "IS", "LIMIT", "OFFSET", "SET", "TABLE"}

// afterExpression says that what stands before the current token can end a statement's body.
func (s *scanner) afterExpression() bool {
	before := s.text[s.prev.start:s.prev.end]
	switch s.prev.kind {
	case tokenPunct:
		return before == ")" || before == "]" || before == "}" || before == "*"
	case tokenWord:
		return !slices.ContainsFunc(expectsMore, func(word string) bool { return strings.EqualFold(word, before) })
	}
	return true
}

// afterTable says that the keyword can't be the table's own name: INSERT INTO format, INSERT INTO db.values.
func (s *scanner) afterTable() bool {
	before := s.text[s.prev.start:s.prev.end]
	for _, word := range []string{"INTO", "TABLE", "INSERT", "."} {
		if strings.EqualFold(before, word) {
			return false
		}
	}
	return true
}

// settingsAfterFormat reads "SETTINGS a = 1, b = 2" behind FORMAT name; end is where the statement ends, data where
// the data starts (white space in the line and one line break are not data).
func (s *scanner) settingsAfterFormat(formatEnd int) (end, data int) {
	end = formatEnd
	ahead := *s
	if ahead.advance(); ahead.is("SETTINGS") {
		for ahead.advance() && ahead.cur.kind == tokenWord {
			if !ahead.advance() || !ahead.punct('=') || !ahead.advance() {
				break
			}
			if ahead.punct('-') && !ahead.advance() {
				break
			}
			end = ahead.cur.end
			before := ahead
			if ahead.advance(); !ahead.punct(',') {
				ahead = before
				break
			}
		}
	}
	data = end
	for data < len(s.text) && strings.IndexByte(" \t\f", s.text[data]) >= 0 {
		data++
	}
	if data < len(s.text) && s.text[data] == '\r' {
		data++
	}
	if data < len(s.text) && s.text[data] == '\n' {
		data++
	}
	return end, data
}

// settingsBefore moves the place for FROM INFILE in front of a SETTINGS clause, where the grammar wants it.
func (st statement) settingsBefore(at int) statement {
	if at >= 0 {
		st.splice = at
	}
	return st
}

// readOnly says that the statement changes nothing that others see.
func (st statement) readOnly() bool { return st.kind == statementRows || st.reads || st.session }

// intoFile is the statement with its rows going to the path.
func (st statement) intoFile(path, defaultFormat string) string {
	clause := fmt.Sprintf("\nINTO OUTFILE '%s' APPEND ", path)
	if st.format == "" {
		return st.text[:st.splice] + clause + "FORMAT " + defaultFormat
	}
	return st.text[:st.splice] + clause + st.text[st.splice:]
}

// fromFile is the insert with its data coming from the path.
func (st statement) fromFile(path string) string {
	if st.input != nil { // input('a UInt8') reads what file(path, format, 'a UInt8') reads
		return fmt.Sprintf("%sfile('%s', '%s', %s\n%s", st.text[:st.input.start], path, st.format,
			strings.TrimLeft(st.text[st.input.end:st.splice], " \t\r\n("), st.text[st.after:])
	}
	head := strings.TrimRight(st.text[:st.splice], " \t\r\n")
	if st.values >= 0 {
		return fmt.Sprintf("%s FROM INFILE '%s' %sFORMAT Values", head, path, st.text[st.splice:st.values])
	}
	return fmt.Sprintf("%s FROM INFILE '%s' %s %s", head, path, st.text[st.after:], st.text[st.splice:st.after])
}
