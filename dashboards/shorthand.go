package dashboards

import (
	"fmt"
	"strings"

	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/schema"
)

// shorthands are what our query files may say for longer SQL. They are replaced before anybody sees a query, Grafana
// included. A name with an argument is called like a function; the argument may hold brackets.
var shorthands = []struct {
	name   string
	call   bool
	source bool // rows to read from: of the columns that the query names
	to     func(arg string) string
}{
	// What spend_steps wants: Range.SeriesStep in SQL.
	{"$step", false, false, func(string) string {
		return fmt.Sprintf("toUInt32(multiIf($__toTime - $__fromTime <= %d, intDiv($__interval_s + 59, 60) * 60, $__toTime - $__fromTime <= %d, "+
			"intDiv($__interval_s + 3599, 3600) * 3600, intDiv($__interval_s + 86399, 86400) * 86400))", int(finest.Seconds()), int(fine.Seconds()))
	}},
	// $spend and the like by the tenant, or by provider and model, and by no other key.
	{"$by_tenant_steps", true, true, func(arg string) string { return spendOf("tenant", arg, steps) }},
	{"$by_tenant_cut", true, true, func(arg string) string { return spendOf("tenant", arg, cut) }},
	{"$by_tenant", true, true, func(arg string) string { return spendOf("tenant", arg, all) }},
	{"$by_model_steps", true, true, func(arg string) string { return spendOf("model", arg, steps) }},
	{"$by_model", true, true, func(arg string) string { return spendOf("model", arg, all) }},
	{"$spend_steps", true, true, func(arg string) string { return spendOf("", arg, steps) }},
	{"$spend_cut", true, true, func(arg string) string { return spendOf("", arg, cut) }},
	{"$spend_by", true, true, spendByOf},
	{"$spend", true, true, func(arg string) string { return spendOf("", arg, all) }},
	{"$calls", true, true, callsOf},
	{"$spent", false, false, func(string) string { return "concat(if(sum(unpriced_calls) > 0, 'at least ', ''), $usd(sum(cost)))" }},
	{"$unpriced", false, false, func(string) string { // as the rollups count it: calls that bill otherwise miss no price
		return fmt.Sprintf("(unpriced != '' AND bitAnd(flags, %d) = 0)", uint32(ledger.FlagProvided|ledger.FlagReserved))
	}},
	{"$usd", true, false, usdText},
	{"$age", true, false, func(seconds string) string { // as tables write it: minutes from two of them on
		return fmt.Sprintf("multiIf(%[1]s < 120, concat(toString(round(%[1]s, 1)), ' s'), %[1]s < 7200, concat(toString(round((%[1]s) / 60, 1)), ' min'), concat(toString(round((%[1]s) / 3600, 1)), ' h'))", seconds)
	}},
	{"$quantiles", true, false, quantilesOf},
	{"$bucket_middle", true, false, func(b string) string {
		return fmt.Sprintf("((%s + %s) / 2e6)", bucketStart(b), bucketStart("("+b+" + 1)"))
	}},
	// The variable is a text that people type: percent-encoding leaves nothing that could end the quotes.
	{"$trace", false, false, func(string) string {
		return "toFixedString(unhex(substring(concat(lower(replaceAll('${trace:percentencode}', '-', '')), repeat('0', 32)), 1, 32)), 16)"
	}},
}

// fits is what a day and an hour have to meet besides lying inside.
type fits struct{ day, hour string }

var (
	all   = fits{}
	steps = fits{" AND $__third >= 86400", " AND $__third >= 3600"}
	cut   = fits{" AND (hour >= toStartOfDay($__third + 86399) OR hour < toStartOfDay($__third))", " AND (hour >= $__third OR hour <= $__third - 3600)"}
)

// spendOf is what the view spend, spend_steps or spend_cut gives, as a subquery: of arguments "from, to" and the step in seconds or the cut. By one key alone
// it is of totals by that key, where they have been made (docs/adr/0052-totals-by-one-key.md).
func spendOf(key, arg string, f fits) string {
	args, text := append(split(arg), ""), schema.SQL("boards/spend")
	if key != "" {
		text = strings.NewReplacer("$__summary", "summary_"+key+"s", "$__columns", "$__columns_"+key).Replace(schema.SQL("boards/spend_summed"))
	}
	sql := strings.NewReplacer("$__day_fits", f.day, "$__hour_fits", f.hour).Replace(text)
	return strings.TrimSpace(strings.NewReplacer("$__since", args[0], "$__until", args[1], "$__third", args[2]).Replace(sql))
}

// spendByOf is what the view spend_by gives, as a subquery.
func spendByOf(arg string) string {
	args := split(arg)
	return strings.TrimSpace(strings.NewReplacer("$__since", args[0], "$__until", args[1]).Replace(schema.SQL("boards/spend_by")))
}

// callsOf is what the view calls gives, as a subquery, of arguments "from, to" and perhaps a condition over a call's identity: its minute,
// tenant, trace_id and span_id. Settlements meet it too, unless it asks a table: twice in one statement the engine doesn't look its answer up in the key.
func callsOf(arg string) string {
	args := append(split(arg), "")
	of, settled := "", ""
	if args[2] != "" {
		of = " AND " + args[2]
	}
	if !strings.Contains(of, "SELECT") {
		settled = of
	}
	return strings.TrimSpace(strings.NewReplacer("$__since", args[0], "$__until", args[1], "$__of", of, "$__settled", settled).Replace(schema.SQL("boards/calls")))
}

// throughViews has the views instead: $spend(a, b) becomes spend(from = a, to = b), and $calls(a, b, which) a query of the view.
func throughViews(sql string) string {
	ranged, stepped, parted := []string{"from", "to"}, []string{"from", "to", "step"}, []string{"from", "to", "cut"}
	for _, v := range []struct {
		name, view string
		named      []string
	}{{"by_tenant_steps", "spend_steps", stepped}, {"by_model_steps", "spend_steps", stepped}, {"spend_steps", "spend_steps", stepped},
		{"by_tenant_cut", "spend_cut", parted}, {"spend_cut", "spend_cut", parted}, {"spend_by", "spend_by", ranged},
		{"by_tenant", "spend", ranged}, {"by_model", "spend", ranged}, {"spend", "spend", ranged}, {"calls", "calls", ranged}} {
		for at := strings.Index(sql, "$"+v.name+"("); at >= 0; at = strings.Index(sql, "$"+v.name+"(") {
			inner, end := argument(sql, at+len("$"+v.name))
			args := split(inner)
			for i, name := range v.named {
				args[i] = name + " = " + args[i]
			}
			view := v.view + "(" + strings.Join(args[:len(v.named)], ", ") + ")"
			if len(args) > len(v.named) {
				view = "(SELECT * FROM " + view + " WHERE " + args[len(v.named)] + ")"
			}
			sql = sql[:at] + view + sql[end:]
		}
	}
	return sql
}

// split cuts arguments at commas that no bracket holds.
func split(args string) (out []string) {
	depth, from := 0, 0
	for i := range len(args) {
		switch {
		case args[i] == '(':
			depth++
		case args[i] == ')':
			depth--
		case args[i] == ',' && depth == 0:
			out = append(out, strings.TrimSpace(args[from:i]))
			from = i + 1
		}
	}
	return append(out, strings.TrimSpace(args[from:]))
}

// WriteOut replaces the shorthands of a query.
func WriteOut(sql string) string { return write(sql, "") }

// write replaces the shorthands of a query file, and $__arg by what follows "=" in the query's name.
func write(sql, arg string) string {
	sql = strings.ReplaceAll(sql, "$__arg", arg)
	allOfSpend, allOfCalls, said := allFromSpend.MatchString(sql), allFromCalls.MatchString(sql), named{}
	said.add(sql)
	for _, s := range shorthands {
		for {
			at := strings.Index(sql, s.name)
			if at < 0 {
				break
			}
			end, inner := at+len(s.name), ""
			if s.call {
				inner, end = argument(sql, end)
			}
			text := s.to(inner)
			if !s.source {
				said.add(text)
			}
			sql = sql[:at] + text + sql[end:]
		}
	}
	columns := func(without ...string) string { return strings.Join(said.spendColumns(allOfSpend, without), ", ") }
	return strings.NewReplacer("$__columns_tenant", columns(notTenant...), "$__columns_model", columns(notModel...), "$__columns", columns(),
		"$__call_columns", said.callColumns(allOfCalls)).Replace(sql)
}

// argument reads "(…)" at position from, to the bracket that closes it.
func argument(sql string, from int) (inner string, end int) {
	depth := 0
	for i := from; i < len(sql); i++ {
		switch sql[i] {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return sql[from+1 : i], i + 1
			}
		}
	}
	panic(fmt.Sprintf("dashboards: no closing bracket in %q", sql[from:])) // our own file
}

// usdText writes an amount for a stat: $1,234.56, cents half to even; below a dollar four digits; never a float. The amount is named once: planning
// takes longer with each mention of a sum (docs/adr/0044-spend-names-its-columns.md).
func usdText(x string) string {
	rounded := func(scale string) string { return "toInt256(roundBankers(toDecimal256(abs(usd), 12) * " + scale + "))" }
	whole := "intDiv(" + rounded("100") + ", 100)"
	grouped := "reverse(replaceRegexpOne(replaceRegexpAll(reverse(toString(" + whole + ")), '([0-9]{3})', '\\\\1,'), ',$', ''))"
	return "arrayMap(usd -> concat(if(usd < 0, '−', ''), multiIf(usd = 0, '$0.00', abs(usd) < 0.0001, '<$0.0001', abs(usd) < 1, concat('$0.', leftPad(toString(" +
		rounded("10000") + "), 4, '0')), concat('$', " + grouped + ", '.', leftPad(toString(" + rounded("100") + " % 100), 2, '0')))), [" + x + "])[1]"
}

// bucketStart is where a bucket of a latency histogram starts, in microseconds (schema/migrations/0001_tables.sql).
func bucketStart(b string) string {
	return fmt.Sprintf("if(%[1]s < 4, toUInt64(%[1]s), bitShiftLeft(toUInt64(4 + %[1]s %% 4), toUInt8(greatest(toInt16(intDiv(%[1]s, 4)) - 1, 0))))", b)
}

// quantilesOf is an array, for each of some histograms (Map of bucket to count, all of one type), of its p50, p95 and p99 in seconds: null where it is
// empty, linear inside a bucket, which is a quarter of a doubling wide. Every function is one for all of them: most of what this costs is its analysis
// (docs/adr/0050-what-a-row-costs.md). Bucket b starts at (4 + b % 4)·2^(b div 4 − 1) µs and is 2^(b div 4 − 1) wide; below 4 it starts at b and is 1 wide.
func quantilesOf(maps string) string {
	return `arrayMap(h -> arrayMap((k, v, c) -> arrayMap((q, i) -> if(i = 0, NULL,
            arrayMap((b, inside) -> if(b < 4, b + inside, (4 + b % 4 + inside) * exp2(intDiv(b, 4) - 1)), [k[i]], [(q * c[-1] - c[i]) / v[i] + 1])[1] / 1e6),
        [0.5, 0.95, 0.99], arrayMap(q -> arrayFirstIndex(x -> x >= q * c[-1], c), [0.5, 0.95, 0.99])), [mapKeys(h)], [mapValues(h)], [arrayCumSum(mapValues(h))])[1], [` + maps + `])`
}
