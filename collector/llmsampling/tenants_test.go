package llmsampling

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// usual is a history of a tenant: 200 traces of 10 ms that cost 0.001 each.
func (r *rig) usual(t *testing.T, tenant string) {
	for i := range 200 {
		r.send(t, span{name: "usual", trace: traceWith(uint64(1000 + i)), lasts: 10 * time.Millisecond,
			attrs: map[string]any{attrTenant: tenant, attrCost: "0.001"}})
	}
	r.pass(r.cfg.DecisionWait)
	r.sink.Reset()
}

// What is unusual is so for its tenant, whatever is usual elsewhere.
func TestUnusualForItsTenant(t *testing.T) {
	for name, c := range map[string]struct {
		tenant string
		cost   string
		lasts  time.Duration
		change func(*Config)
		want   string
	}{
		"costs more":            {"acme", "0.002", 0, nil, "cost"},
		"costs as ever":         {"acme", "0.001", 0, nil, ""},
		"takes longer":          {"acme", "0.001", 20 * time.Millisecond, nil, "duration"},
		"as long as ever":       {"acme", "0.001", 10 * time.Millisecond, nil, ""},
		"no history":            {"globex", "0.09", time.Hour, nil, ""},
		"cost switched off":     {"acme", "0.002", 0, func(c *Config) { c.KeepUnusualCost = false }, ""},
		"duration switched off": {"acme", "0.001", time.Hour, func(c *Config) { c.KeepUnusualDuration = false }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, c.change)
			r.usual(t, "acme")
			r.send(t, span{name: "this", trace: traceWith(1), lasts: c.lasts, attrs: map[string]any{attrTenant: c.tenant, attrCost: c.cost}})
			r.pass(r.cfg.DecisionWait)
			require.Equal(t, c.want, r.kept()["this"])
		})
	}
}

// The root of a trace comes last: that it took longer than the calls below it is usual.
func TestTracesGrow(t *testing.T) {
	r := newRig(t, nil)
	for i := range 300 {
		trace := traceWith(uint64(i + 1))
		attrs := map[string]any{attrTenant: "acme", attrCost: "0.001"}
		r.send(t, span{name: "call", trace: trace, lasts: 10 * time.Millisecond, attrs: attrs})
		r.pass(r.cfg.DecisionWait)
		r.send(t, span{name: fmt.Sprintf("root %d", i), trace: trace, lasts: 90 * time.Millisecond, attrs: attrs})
	}
	r.pass(r.cfg.DecisionWait)
	require.LessOrEqual(t, len(r.kept()), 4, "%v", r.kept())
}

func TestFirstSight(t *testing.T) {
	r := newRig(t, nil)
	see := func(name, tenant, model, agent string) {
		attrs := map[string]any{attrTenant: tenant, attrCost: "0", attrModel: model}
		if agent != "" {
			attrs[attrAgent] = agent
		}
		if len(r.table.states)%2 == 0 { // the conventions' keys say the same, and then llmcost doesn't
			attrs[saidModel], attrs[saidAgent] = model, agent
			delete(attrs, attrModel)
			delete(attrs, attrAgent)
		}
		r.send(t, span{name: name, trace: traceWith(uint64(len(r.table.states) + 1)), attrs: attrs})
	}
	see("new", "acme", "gpt-5", "")
	see("known", "acme", "gpt-5", "")
	see("new agent", "acme", "gpt-5", "writer")
	see("new model", "acme", "gpt-6", "writer")
	see("new tenant", "globex", "gpt-5", "")
	see("known too", "globex", "gpt-5", "")
	for i := range 100 {
		see(fmt.Sprintf("made up %d", i), "made-up", fmt.Sprintf("model-%d", i), "")
	}
	r.send(t, span{name: "no call", trace: traceWith(9999), attrs: map[string]any{attrTenant: "initech", saidModel: "gpt-5"}})
	r.pass(r.cfg.DecisionWait)
	got := r.kept()
	require.NotContains(t, got, "no call")
	for _, name := range []string{"new", "new agent", "new model", "new tenant"} {
		require.Equal(t, "first", got[name], name)
	}
	require.NotContains(t, got, "known")
	require.NotContains(t, got, "known too")
	require.Len(t, got, 4+newSights, "made-up names are kept a few a minute")
}

func TestMarks(t *testing.T) {
	for mark, keep := range map[any]bool{
		int64(1): true, int64(2): true, 0.5: true, true: true, "yes": true, "1": true,
		int64(0): false, int64(-1): false, 0.0: false, false: false, "": false, "0": false, "False": false, "drop": false,
	} {
		r := newRig(t, nil)
		r.send(t, span{name: "s", trace: traceWith(1), attrs: map[string]any{"sampling.priority": mark}})
		r.pass(r.cfg.DecisionWait)
		if keep {
			require.Equal(t, "marked", r.kept()["s"], "%T %v", mark, mark)
		} else {
			require.Empty(t, r.kept(), "%T %v", mark, mark)
		}
	}
}

// The floor is the first traces of a minute, with all their spans.
func TestFloor(t *testing.T) {
	r := newRig(t, func(c *Config) { c.FloorPerMinute = 2 })
	for minute := range 2 {
		for i := range 5 {
			trace := traceWith(uint64(10*minute + i + 1))
			r.send(t, span{name: fmt.Sprintf("a %d %d", minute, i), trace: trace, attrs: map[string]any{attrTenant: "acme"}})
			r.send(t, span{name: fmt.Sprintf("b %d %d", minute, i), trace: trace, attrs: map[string]any{attrTenant: "acme"}})
		}
		r.pass(time.Minute)
	}
	require.Equal(t, map[string]string{
		"a 0 0": "floor", "b 0 0": "floor", "a 0 1": "floor", "b 0 1": "floor",
		"a 1 0": "floor", "b 1 0": "floor", "a 1 1": "floor", "b 1 1": "floor",
	}, r.kept())
	for td := range r.sink.AllTraces() {
		for s := range spans(r.sink.AllTraces()[td]) {
			p, _ := s.Attributes().Get(AttrProbability)
			require.EqualValues(t, 1, p.Double())
			require.Empty(t, s.TraceState().AsRaw())
		}
	}
}

// Made-up tenants share one floor once there is no room, and don't push out those that are there.
func TestTenantsAreBounded(t *testing.T) {
	r := newRig(t, func(c *Config) { c.MaxTenants, c.FloorPerMinute, c.MaxDecisions = 50, 1, 100 })
	one := func(tenant string) {
		r.send(t, span{name: tenant, trace: pcommon.TraceID{1, byte(len(r.table.states)), byte(len(r.table.states) >> 8), 7}, attrs: map[string]any{attrTenant: tenant}})
	}
	one("real")
	for i := range 1000 {
		one(fmt.Sprintf("made-up-%d", i))
	}
	require.Len(t, r.table.tenants.states, 50)
	require.Contains(t, r.table.tenants.states, "real")
	r.pass(r.cfg.DecisionWait)
	require.Len(t, r.kept(), 51)
	r.pass(2 * time.Minute)
	one("later")
	require.Contains(t, r.table.tenants.states, "later", "the old ones have gone quiet")
	require.Len(t, r.table.tenants.states, 50)
}
