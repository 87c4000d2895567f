package main

import (
	"fmt"
	"strings"
)

// layout is a way to store call_reports: what is changed in today's CREATE TABLE, and what is added to it.
type layout struct {
	name, what string
	edits      [][2]string // old, new: each has to be there
	after      []string
}

const (
	orderBy = "ORDER BY (minute, tenant, trace_id, span_id)"
	bloom   = "bloom_filter(0.01) GRANULARITY 1"
)

var layouts = []layout{
	{name: "today", what: "what the migrations make"},
	{name: "tenant first", what: "ORDER BY (tenant, minute, trace_id, span_id)",
		edits: [][2]string{{orderBy, "ORDER BY (tenant, minute, trace_id, span_id)"}}},
	{name: "model too", what: "ORDER BY (minute, tenant, provider, model, trace_id, span_id)",
		edits: [][2]string{{orderBy, "ORDER BY (minute, tenant, provider, model, trace_id, span_id)"}}},
	{name: "ids only", what: "ORDER BY (minute, trace_id, span_id, tenant)",
		edits: [][2]string{{orderBy, "ORDER BY (minute, trace_id, span_id, tenant)"}}},
	{name: "before 0026", what: "Delta on start and received, ZSTD alone on version, T64 on amounts", edits: before()},
	{name: "plain codecs", what: "ZSTD(1) alone on every column, without T64, Delta and GCD",
		edits: [][2]string{{"CODEC(T64, ", "CODEC("}, {"CODEC(GCD, ", "CODEC("}, {"CODEC(Delta(4), ", "CODEC("}}},
	{name: "GCD and T64", what: "amounts: T64 after GCD", edits: [][2]string{{"CODEC(GCD, ", "CODEC(GCD, T64, "}}},
	{name: "ZSTD(3)", what: "ZSTD(3) in place of ZSTD(1)", edits: [][2]string{{"ZSTD(1)", "ZSTD(3)"}}},
	{name: "ZSTD(6)", what: "ZSTD(6) in place of ZSTD(1)", edits: [][2]string{{"ZSTD(1)", "ZSTD(6)"}}},
	{name: "ZSTD(12)", what: "ZSTD(12) in place of ZSTD(1)", edits: [][2]string{{"ZSTD(1)", "ZSTD(12)"}}},
	{name: "granules of 32768", what: "index_granularity = 32768", edits: [][2]string{{"SETTINGS ", "SETTINGS index_granularity = 32768, "}}},
	{name: "indexes", what: "bloom filters on response_id, user and key too", after: []string{
		"ALTER TABLE call_reports ADD INDEX response_id_bloom response_id TYPE " + bloom,
		"ALTER TABLE call_reports ADD INDEX user_bloom user TYPE " + bloom,
		"ALTER TABLE call_reports ADD INDEX key_bloom key TYPE " + bloom,
	}},
	{name: "projection", what: "a projection of minute, tenant and cost by tenant", after: []string{
		"ALTER TABLE call_reports MODIFY SETTING deduplicate_merge_projection_mode = 'rebuild'",
		"ALTER TABLE call_reports ADD PROJECTION by_tenant (SELECT tenant, minute, cost_input, cost_cache_read, cost_cache_write, cost_output, cost_reasoning, cost_other ORDER BY tenant, minute)",
	}},
}

// before are the codecs that migration 26 replaced.
func before() [][2]string {
	return [][2]string{
		{"`start` DateTime64(9, 'UTC') CODEC(T64, ", "`start` DateTime64(9, 'UTC') CODEC(Delta(8), "},
		{"`received` DateTime64(3, 'UTC') CODEC(T64, ", "`received` DateTime64(3, 'UTC') CODEC(Delta(8), "},
		{"`version` UInt64 CODEC(T64, ", "`version` UInt64 CODEC("},
		{"CODEC(GCD, ", "CODEC(T64, "},
	}
}

// create is the layout's CREATE TABLE in place of today's.
func (l layout) create(today string) (string, error) {
	for _, e := range l.edits {
		if !strings.Contains(today, e[0]) {
			return "", fmt.Errorf("layout %q: today's CREATE TABLE has no %q to change: bring bench/storage/layouts.go up to date", l.name, e[0])
		}
		today = strings.ReplaceAll(today, e[0], e[1])
	}
	return today, nil
}
