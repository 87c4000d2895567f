package schema

import (
	"fmt"
	"regexp"
	"strings"
)

var (
	alterHead  = regexp.MustCompile("^ALTER TABLE `?[A-Za-z0-9_]+`?\\.`?([A-Za-z0-9_]+)`? ")
	dropHead   = regexp.MustCompile("^DROP (?:TABLE|VIEW) IF EXISTS `?[A-Za-z0-9_]+`?\\.`?([A-Za-z0-9_]+)`?$")
	columnEdit = regexp.MustCompile("^(?:ADD|MODIFY) (COLUMN|INDEX|PROJECTION) (?:IF (?:NOT )?EXISTS )?(.*)$")
	placement  = regexp.MustCompile("( AFTER `?[A-Za-z0-9_]+`?| FIRST)$")
)

// addStatement carries one formatted migration statement out on what the ones before it add up to. What it can't read
// is an error: a later step that diff doesn't understand would be reported as drift for ever.
func addStatement(all []definition, sql string) ([]definition, error) {
	if d, ok := parseDefinition(sql); ok {
		return replaceDefinition(all, d), nil
	}
	if m := dropHead.FindStringSubmatch(sql); m != nil {
		for i := range all {
			if all[i].name == m[1] {
				return append(all[:i:i], all[i+1:]...), nil
			}
		}
		return all, nil
	}
	head := alterHead.FindStringSubmatch(sql)
	if head == nil {
		return nil, fmt.Errorf("diff can't read migration statement %q: teach schema/alter.go", firstWords(sql))
	}
	for i := range all {
		if all[i].name != head[1] {
			continue
		}
		for _, edit := range splitTop(sql[len(head[0]):], ", ") {
			if err := all[i].alter(strings.TrimSuffix(strings.TrimPrefix(edit, "("), ")")); err != nil {
				return nil, err
			}
		}
		return all, nil
	}
	return nil, fmt.Errorf("migration statement %q alters a table that no step before it creates", firstWords(sql))
}

// alter carries out one command of an ALTER TABLE, as the server formats it.
func (d *definition) alter(edit string) error {
	if rest, ok := strings.CutPrefix(edit, "MODIFY ORDER BY "); ok {
		// The primary key stays what the sorting key was: from then on the server writes both.
		if d.clauses["PRIMARY KEY"] == "" {
			d.clauses["PRIMARY KEY"] = d.clauses["ORDER BY"]
		}
		d.clauses["ORDER BY"] = rest
		return nil
	}
	if rest, ok := strings.CutPrefix(edit, "MODIFY SETTING "); ok {
		for _, s := range splitTop(rest, ", ") {
			k, v, _ := strings.Cut(s, " = ")
			d.settings[k] = v
		}
		return nil
	}
	m := columnEdit.FindStringSubmatch(edit)
	if m == nil {
		return fmt.Errorf("diff can't read ALTER command %q: teach schema/alter.go", firstWords(edit))
	}
	text := placement.ReplaceAllString(m[2], "")
	name, _, _ := strings.Cut(text, " ")
	c := column{strings.Trim(name, "`"), text}
	if m[1] != "COLUMN" {
		c = column{m[1] + " " + name, m[1] + " " + text}
	}
	for i := range d.columns {
		if d.columns[i].name == c.name {
			d.columns[i] = c
			return nil
		}
	}
	d.columns = append(d.columns, c)
	return nil
}
