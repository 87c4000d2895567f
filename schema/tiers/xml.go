package tiers

import (
	"bytes"
	_ "embed"
	"encoding/xml"
	"fmt"
	"path/filepath"
	"strings"
	"text/template"
)

//go:embed storage.xml.tmpl
var storageXML string

// XML is the server's <storage_configuration>. Tiers without a place of their own, what a server keeps of an S3 tier
// (their names: without it the bucket is unreadable) lie below base, an absolute directory; the cache lies where the server keeps caches. With secrets, the
// keys of S3 are in it; without, it names the variables of the server's environment that hold them.
//
// Cold takes no moves at insert: a backfill of old days lands on hot and is moved afterwards, at the pace of the background.
// No volume has prefer_not_to_merge: parts on such volumes outlived their TTL (ClickHouse issue 85636). An S3 that doesn't
// answer at the start does not keep the server from starting.
func (c Config) XML(base string, secrets bool) (string, error) {
	t, err := template.New("storage.xml").Funcs(template.FuncMap{"xml": escape, "upper": strings.ToUpper}).Parse(storageXML)
	if err != nil {
		return "", fmt.Errorf("storage configuration: %w", err)
	}
	type tier struct {
		Tier
		Secret string
	}
	data := struct {
		Tiers        []tier
		Base, Policy string
		Secrets      bool
	}{Base: filepath.Clean(base), Policy: Policy, Secrets: secrets}
	for _, t := range c.withDefaults(base).All() {
		t.Disk.Path = strings.TrimRight(t.Disk.Path, "/")
		data.Tiers = append(data.Tiers, tier{t, string(t.Disk.S3.SecretAccessKey)})
	}
	var b bytes.Buffer
	if err := t.Execute(&b, data); err != nil {
		return "", fmt.Errorf("storage configuration: %w", err)
	}
	return b.String(), nil
}

// ServerXML is a whole file for a server's config.d.
func (c Config) ServerXML(base string) (string, error) {
	text, err := c.XML(base, false)
	if err != nil {
		return "", err
	}
	return "<!-- Three tiers, from `tollkeeper storage config`. Never change what a disk's name stands for while there is data on it. -->\n<clickhouse>\n    " +
		strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n    ") + "\n</clickhouse>\n", nil
}

func escape(s string) (string, error) {
	var b bytes.Buffer
	err := xml.EscapeText(&b, []byte(s))
	return b.String(), err
}
