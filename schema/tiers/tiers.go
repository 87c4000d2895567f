package tiers

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
)

// Policy is the storage policy with the volumes hot, warm and cold.
const Policy = "tollkeeper"

// DefaultCacheBytes is how much of an S3 tier is kept on a local disk: 10 GiB.
const DefaultCacheBytes = 10 << 30

// Config says where each tier keeps its bytes. A disk that is left empty is a directory below the server's own.
type Config struct {
	Hot  Disk `yaml:"hot"`
	Warm Disk `yaml:"warm"`
	Cold Disk `yaml:"cold"`
}

// Disk is a directory or a bucket.
type Disk struct {
	Path string `yaml:"path"` // a directory, absolute
	S3   S3     `yaml:"s3"`
}

// S3 is a bucket, or a part of one, that belongs to one server alone: replicas need a prefix each.
type S3 struct {
	// Endpoint is bucket and prefix: https://bucket.s3.eu-central-1.amazonaws.com/tollkeeper/. Empty: no S3.
	Endpoint string `yaml:"endpoint"`
	Region   string `yaml:"region"` // where the endpoint doesn't say it
	// AccessKeyID and SecretAccessKey; without them the machine's own: environment, instance or service role.
	AccessKeyID     string `yaml:"access_key_id"`
	SecretAccessKey Secret `yaml:"secret_access_key"` // as ${env:NAME}
	// CacheBytes of what was read last are kept on a local disk. 0: DefaultCacheBytes.
	CacheBytes uint64 `yaml:"cache_bytes"`
}

// Secret is a text that no configuration shows.
type Secret string

// MarshalText implements encoding.TextMarshaler, which YAML and JSON use.
func (s Secret) MarshalText() ([]byte, error) {
	if s == "" {
		return nil, nil
	}
	return []byte("[hidden]"), nil
}

// Tier is one disk with its name.
type Tier struct {
	Name string // hot, warm, cold
	Disk Disk
}

// All are the tiers in the order in which data goes through them.
func (c Config) All() []Tier { return []Tier{{"hot", c.Hot}, {"warm", c.Warm}, {"cold", c.Cold}} }

// Validate reports all problems at once, each with key, value and remedy.
func (c Config) Validate() error {
	var errs []error
	seen := map[string]string{}
	for _, t := range c.All() {
		add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(t.Name+"."+format, args...)) }
		place := t.Disk.Path
		switch s3 := t.Disk.S3; {
		case s3.Endpoint == "":
			if s3 != (S3{}) {
				add("s3.endpoint: empty, but other keys of s3 are set: give the bucket's URL, or take them out")
			}
			if place != "" && !filepath.IsAbs(place) {
				add("path: %q is not absolute: start it with /", place)
			}
		case place != "":
			add("path: %q beside s3.endpoint: a tier is a directory or a bucket; take one of them out", place)
		case t.Name == "hot":
			add("s3: inserts go to hot, and S3 is neither fast nor cheap for that: make hot a directory")
		default:
			for _, problem := range s3.problems() {
				add("s3.%s", problem)
			}
			place = s3.Endpoint
		}
		if place = strings.TrimRight(place, "/"); place != "" {
			if other := seen[place]; other != "" {
				add("%q is also the place of %s: give each tier one of its own", place, other)
			}
			seen[place] = t.Name
		}
	}
	return errors.Join(errs...)
}

func (s S3) problems() []string {
	var out []string
	u, err := url.Parse(s.Endpoint)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		out = append(out, fmt.Sprintf("endpoint: %q: want the bucket's URL and a prefix, such as https://bucket.s3.eu-central-1.amazonaws.com/tollkeeper/", s.Endpoint))
	} else if !strings.HasSuffix(u.Path, "/") || u.Path == "/" {
		out = append(out, fmt.Sprintf("endpoint: %q: want a prefix that ends with /, so that the bucket can hold other things too", s.Endpoint))
	}
	if (s.AccessKeyID == "") != (s.SecretAccessKey == "") {
		out = append(out, "access_key_id and secret_access_key: one without the other: give both, or none to use the machine's role")
	}
	return out
}

// withDefaults puts tiers without a place below base.
func (c Config) withDefaults(base string) Config {
	for name, d := range map[string]*Disk{"hot": &c.Hot, "warm": &c.Warm, "cold": &c.Cold} {
		if d.Path == "" && d.S3.Endpoint == "" {
			d.Path = filepath.Join(base, name)
		}
		if d.S3.Endpoint != "" && d.S3.CacheBytes == 0 {
			d.S3.CacheBytes = DefaultCacheBytes
		}
	}
	return c
}

// Dirs are the directories that the tiers' local disks need, with tiers that have no place of their own below base.
func (c Config) Dirs(base string) []string {
	var out []string
	for _, t := range c.withDefaults(base).All() {
		if t.Disk.Path != "" {
			out = append(out, t.Disk.Path)
		}
	}
	return out
}

// Places says in one line each where the tiers are, without secrets: "cold s3 https://…".
func (c Config) Places(base string) []string {
	var out []string
	for _, t := range c.withDefaults(base).All() {
		if t.Disk.S3.Endpoint != "" {
			out = append(out, t.Name+" s3 "+t.Disk.S3.Endpoint)
		} else {
			out = append(out, t.Name+" "+t.Disk.Path)
		}
	}
	return out
}
