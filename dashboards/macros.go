package dashboards

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Range is the chosen time range of a board, [From, To) in UTC.
type Range struct{ From, To time.Time }

// Step is the width of a point for about n points in the range: whole minutes, at least one.
func (r Range) Step(n int) time.Duration {
	step := r.To.Sub(r.From) / time.Duration(n)
	return max(time.Minute, step.Round(time.Minute))
}

var (
	variable = regexp.MustCompile(`\$\{(\w+):singlequote\}`)
	leftover = regexp.MustCompile(`\$(__\w+|\{\w+)`)
)

// Expand replaces what Grafana's ClickHouse data source replaces in our queries: the macros $__fromTime, $__toTime and
// $__interval_s, and ${name:singlequote} for variables. Anything else that looks like a macro is an error. Values are
// quoted for ClickHouse; a tenant's isolation does not rest on that but on its database user.
func Expand(sql string, r Range, step time.Duration, variables map[string]string) (string, error) {
	seconds := strconv.Itoa(max(1, int(step/time.Second)))
	sql = strings.NewReplacer(
		"$__fromTime", fmt.Sprintf("toDateTime(%d)", r.From.Unix()),
		"$__toTime", fmt.Sprintf("toDateTime(%d)", r.To.Unix()),
		"$__interval_s", seconds,
	).Replace(sql)
	var missing []string
	sql = variable.ReplaceAllStringFunc(sql, func(ref string) string {
		name := variable.FindStringSubmatch(ref)[1]
		value, ok := variables[name]
		if !ok {
			missing = append(missing, name)
		}
		return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value) + "'"
	})
	if len(missing) > 0 {
		return "", fmt.Errorf("query needs the variables %s", strings.Join(missing, ", "))
	}
	if m := leftover.FindString(sql); m != "" {
		return "", fmt.Errorf("query uses %s, which is no macro of ours", m)
	}
	return sql, nil
}
