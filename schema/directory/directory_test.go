package directory_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/testkit/clickhousetest"
	"github.com/tollkeeper/tollkeeper/schema"
	"github.com/tollkeeper/tollkeeper/schema/directory"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

func day(text string) time.Time {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return t
}

const list = `
tenants:
  - {tenant: acme, from: 2026-01-01, name: Acme Ltd., parent: north, cost_centre: CC-100, owner: alice@example.com, time_zone: Europe/Berlin}
  - {tenant: acme, from: 2026-11-10, name: Acme Ltd., parent: south, cost_centre: CC-200, owner: carol@example.com, time_zone: Europe/Berlin}
  - {tenant: globex, parent: north, attributes: {shared: "true"}}
  - {tenant: gone, from: 2026-02-01, owner: nobody}
  - {tenant: gone, from: 2026-03-01, removed: true}
`

func database(t *testing.T) driver.Conn {
	db := clickhousetest.Start(t).Database(t)
	_, err := schema.Apply(t.Context(), db, schema.DefaultOptions())
	require.NoError(t, err)
	conn, err := schema.Open(db)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return conn
}

// apply brings the directory to what a file says and returns how many changes that took.
func apply(t *testing.T, conn driver.Conn, file, from string) int {
	t.Helper()
	wanted, err := directory.ParseFile([]byte(file))
	require.NoError(t, err)
	d, err := directory.Read(t.Context(), conn)
	require.NoError(t, err)
	steps, err := d.Plan(wanted, day(from))
	require.NoError(t, err)
	require.NoError(t, directory.Write(t.Context(), conn, steps, "ann", "the list of November"))
	return len(steps)
}

func TestOverAnEngine(t *testing.T) {
	conn := database(t)
	require.Equal(t, 5, apply(t, conn, list, "2026-11-05"))
	require.Zero(t, apply(t, conn, list, "2026-11-20"), "the same list again changes nothing, on another day neither")

	d, err := directory.Read(t.Context(), conn)
	require.NoError(t, err)
	for _, c := range []struct{ tenant, at, owner, sql string }{
		{"acme", "2026-10-31", "alice@example.com", "north CC-100 Acme Ltd."},
		{"acme", "2026-11-09", "alice@example.com", "north CC-100 Acme Ltd."},
		{"acme", "2026-11-10", "carol@example.com", "south CC-200 Acme Ltd."},
		{"acme", "2025-12-31", "", ""},
		{"gone", "2026-02-28", "nobody", "  "},
		{"gone", "2026-03-01", "", ""},
		{"globex", "2026-11-04", "", ""},
		{"globex", "2026-11-05", "", "north  "},
	} {
		e, ok := d.At(c.tenant, day(c.at).Add(13*time.Hour))
		require.Equal(t, c.sql != "", ok, c)
		require.Equal(t, c.owner, e.Owner, c)
		var said string
		require.NoError(t, conn.QueryRow(t.Context(), `SELECT any(concat(parent, ' ', cost_centre, ' ', display_name)) FROM tenants_at(at = {at:DateTime('UTC')})
			WHERE tenant = {tenant:String}`, clickhouse.Named("at", day(c.at).Add(13*time.Hour)), clickhouse.Named("tenant", c.tenant)).Scan(&said))
		require.Equal(t, c.sql, said, "%v: SQL says the same", c)
	}
	require.Equal(t, "Europe/Berlin", d.Zone("acme", day("2026-11-01")).String())
	require.Equal(t, "UTC", d.Zone("globex", day("2026-11-11")).String())
	require.Len(t, d.AllAt(day("2026-11-11")), 2)

	corrected := strings.Replace(list, "owner: alice@example.com", "owner: bob@example.com", 1)
	require.Equal(t, 1, apply(t, conn, corrected, "2026-11-20"), "the earlier of acme's entries, from its own day on")
	d, err = directory.Read(t.Context(), conn)
	require.NoError(t, err)
	e, _ := d.At("acme", day("2026-05-05"))
	require.Equal(t, "bob@example.com", e.Owner)
	e, _ = d.At("acme", day("2026-12-05"))
	require.Equal(t, "carol@example.com", e.Owner, "what came later stands")

	acme := "acme"
	changes, err := directory.Changes(t.Context(), conn, &acme)
	require.NoError(t, err)
	require.Len(t, changes, 3, "a change adds a row and overwrites none")
	require.Equal(t, "ann", changes[2].Author)
	require.Equal(t, "the list of November", changes[2].Reason)
	require.Equal(t, day("2026-01-01"), changes[2].Since)
}

func TestClosedMonthsKeepTheirNames(t *testing.T) {
	conn := database(t)
	require.Equal(t, 5, apply(t, conn, list, "2026-11-05"))
	require.NoError(t, conn.Exec(t.Context(), "INSERT INTO periods (month, state, author, reason) VALUES ('2026-10-01', 'closed', 'ann', 'month end')"))
	d, err := directory.Read(t.Context(), conn)
	require.NoError(t, err)
	set := func(tenant, from string, more ...directory.Wanted) error {
		steps, err := d.Plan(append(more, directory.Wanted{Entry: directory.Entry{Tenant: tenant, Owner: "dave"}, From: day(from)}), day("2026-11-20"))
		require.NoError(t, err)
		return directory.Write(t.Context(), conn, steps, "ann", "a mistake")
	}
	err = set("acme", "2026-10-15")
	require.ErrorContains(t, err, "2026-10 is closed")
	require.ErrorContains(t, err, "2026-11-01 or later")
	require.ErrorContains(t, err, "tollkeeper period reopen 2026-10")
	require.Error(t, set("acme", "2026-09-01"), "it would hold in October too")
	require.Error(t, set("new", "2026-09-01", directory.Wanted{Entry: directory.Entry{Tenant: "other"}, From: day("2026-12-01")}))
	var n uint64
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT count() FROM tenants").Scan(&n))
	require.EqualValues(t, 5, n, "one step refused is all refused")
	require.NoError(t, set("gone", "2026-02-10"), "it ends before October")
	require.NoError(t, set("acme", "2026-11-01"))
	require.NoError(t, conn.Exec(t.Context(), "INSERT INTO periods (month, state, author, reason, at) VALUES ('2026-10-01', 'reopened', 'ann', 'wrong owner', now64(3) + 1)"))
	require.NoError(t, set("acme", "2026-10-15"))
}

func TestWhoAndWhyAreKept(t *testing.T) {
	steps := []directory.Step{{}}
	require.ErrorContains(t, directory.Write(t.Context(), nil, steps, "", "why"), "without an author")
	require.ErrorContains(t, directory.Write(t.Context(), nil, steps, "ann", ""), "without a reason")
}

func TestFaultsOfAFileAreSaidAtOnce(t *testing.T) {
	_, err := directory.ParseFile([]byte(`
tenants:
  - {tenant: a, from: yesterday}
  - {tenant: b, time_zone: Mars/Olympus}
  - {tenant: c, parent: c}
  - {tenant: "", owner: x}
  - {tenant: d, from: 2026-01-01}
  - {tenant: d, from: 2026-01-01, owner: y}
  - {tenant: e, removed: true, owner: z}
  - {tenant: f, owner: "two\nlines"}
`))
	for _, said := range []string{`tenants[1] a: from "yesterday"`, `tenant "b": time zone "Mars/Olympus"`, `tenant "c": is its own parent`, "tenants[4]: tenant \"\": the name is empty",
		"tenants[6] d: twice for one day", "tenants[7] e: removed, and something is said of it", `tenant "f": owner "two\nlines"`} {
		require.ErrorContains(t, err, said)
	}
	_, err = directory.ParseFile([]byte("tenants: [{tenant: a, ownr: x}]"))
	require.ErrorContains(t, err, "ownr")
	_, err = directory.ParseFile(nil)
	require.ErrorContains(t, err, "the file is empty")
}

func TestPlan(t *testing.T) {
	var d directory.Directory
	steps, err := d.Plan([]directory.Wanted{{Entry: directory.Entry{Tenant: "a", Parent: "b"}}, {Entry: directory.Entry{Tenant: "b", Parent: "a"}}}, day("2026-11-05"))
	require.ErrorContains(t, err, "a → b → a")
	require.Len(t, steps, 2)

	wanted, err := directory.ParseFile([]byte(list))
	require.NoError(t, err)
	steps, err = d.Plan(wanted, day("2026-11-05").Add(17*time.Hour))
	require.NoError(t, err)
	var out bytes.Buffer
	directory.WriteSteps(&out, steps)
	require.Equal(t, `acme from 2026-01-01 until 2026-11-10: new
  cost_centre  – → CC-100
  name         – → Acme Ltd.
  owner        – → alice@example.com
  parent       – → north
  time_zone    – → Europe/Berlin
acme from 2026-11-10
  cost_centre  CC-100 → CC-200
  owner        alice@example.com → carol@example.com
  parent       north → south
globex from 2026-11-05: new
  attributes.shared – → true
  parent       – → north
gone from 2026-02-01 until 2026-03-01: new
  owner        – → nobody
gone from 2026-03-01: removed
  owner        nobody → –
`, out.String())

	var all []directory.Dated
	for _, s := range steps {
		all = append(all, s.Dated)
	}
	now := directory.New(all)
	missing := now.Missing(wanted[2:3], day("2026-11-20"))
	require.Len(t, missing, 1)
	require.Equal(t, "acme", missing[0].Tenant)
	out.Reset()
	require.NoError(t, directory.WriteFile(&out, now.AllAt(day("2026-11-20"))))
	again, err := directory.ParseFile(out.Bytes())
	require.NoError(t, err)
	steps, err = now.Plan(again, day("2026-11-20"))
	require.NoError(t, err)
	require.Empty(t, steps, "what it writes is what it has")
}

// FuzzParseFile: no file makes it panic, and what it takes it can plan and write again.
func FuzzParseFile(f *testing.F) {
	f.Add([]byte(list))
	f.Add([]byte("tenants: [{tenant: a, attributes: {b: c}, from: 0001-01-01}]"))
	f.Fuzz(func(t *testing.T, content []byte) {
		wanted, err := directory.ParseFile(content)
		if err != nil {
			return
		}
		var d directory.Directory
		steps, err := d.Plan(wanted, day("2026-11-05"))
		if err != nil {
			return
		}
		var all []directory.Dated
		for _, s := range steps {
			all = append(all, s.Dated)
		}
		after := directory.New(all)
		steps, err = after.Plan(wanted, day("2026-11-05"))
		require.NoError(t, err)
		require.Empty(t, steps, "the same file again changes nothing")
		var out bytes.Buffer
		require.NoError(t, directory.WriteFile(&out, after.AllAt(day("2026-11-05"))))
		_, err = directory.ParseFile(out.Bytes())
		require.NoError(t, err)
	})
}
