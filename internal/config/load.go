package config

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"sort"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Load reads the file at path over the defaults and validates the result. An empty path gives the defaults. The error
// joins everything that is wrong: unknown keys with their line, unset variables, and each invalid value.
func Load(path string, getenv func(string) (string, bool)) (Config, error) {
	cfg := Default()
	if path == "" {
		cfg.fromEnvironment(getenv)
		return cfg, cfg.Validate()
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return cfg, fmt.Errorf("read config: %w", err)
	}
	err = parse(text, getenv, &cfg)
	cfg.fromEnvironment(getenv)
	if err != nil {
		return cfg, fmt.Errorf("config %s:\n%w", path, errors.Join(err, cfg.Validate()))
	}
	if err := cfg.Validate(); err != nil {
		return cfg, fmt.Errorf("config %s:\n%w", path, err)
	}
	return cfg, nil
}

// parse decodes YAML text into the struct that into points to, whose values are the defaults.
func parse(text []byte, getenv func(string) (string, bool), into any) error {
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return fmt.Errorf("not YAML: %s", yaml.FormatError(err, false, false))
	}
	var problems []error
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		env := &envVisitor{getenv: getenv}
		ast.Walk(env, doc.Body)
		problems = append(problems, env.problems...)
		problems = append(problems, unknownKeys(doc.Body, reflect.TypeOf(into).Elem(), "")...)
		if err := yaml.NodeToValue(doc.Body, into); err != nil {
			problems = append(problems, errors.New(yaml.FormatError(err, false, false)))
		}
	}
	return errors.Join(problems...)
}

var envReference = regexp.MustCompile(`\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}`)

// envVisitor replaces ${env:NAME} inside string values, after parsing, so that a secret can't change the structure.
type envVisitor struct {
	getenv   func(string) (string, bool)
	problems []error
}

func (v *envVisitor) Visit(n ast.Node) ast.Visitor {
	s, ok := n.(*ast.StringNode)
	if !ok || !strings.Contains(s.Value, "${env:") {
		return v
	}
	s.Value = envReference.ReplaceAllStringFunc(s.Value, func(ref string) string {
		name := envReference.FindStringSubmatch(ref)[1]
		value, ok := v.getenv(name)
		if !ok {
			v.problems = append(v.problems, fmt.Errorf("line %d: environment variable %s is not set: set it, or take ${env:%s} out",
				s.Token.Position.Line, name, name))
		}
		return value
	})
	return v
}

// unknownKeys lists every key that the type has no field for. Maps and untyped values accept any key.
func unknownKeys(n ast.Node, t reflect.Type, path string) []error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	var problems []error
	switch {
	case t.Kind() == reflect.Slice:
		if seq, ok := n.(*ast.SequenceNode); ok {
			for i, item := range seq.Values {
				problems = append(problems, unknownKeys(item, t.Elem(), fmt.Sprintf("%s[%d]", path, i))...)
			}
		}
	case t.Kind() == reflect.Map:
		for _, kv := range mappingValues(n) {
			problems = append(problems, unknownKeys(kv.Value, t.Elem(), join(path, kv.Key.String()))...)
		}
	case t.Kind() == reflect.Struct && !decodesItself(t):
		fields := yamlFields(t)
		for _, kv := range mappingValues(n) {
			key := kv.Key.String()
			field, ok := fields[key]
			if !ok {
				problems = append(problems, fmt.Errorf("line %d: unknown key %s: remove it, or use one of: %s",
					kv.Key.GetToken().Position.Line, join(path, key), strings.Join(names(fields), ", ")))
				continue
			}
			problems = append(problems, unknownKeys(kv.Value, field, join(path, key))...)
		}
	}
	return problems
}

// decodesItself reports whether a struct type reads its own YAML (ledger amounts and the like).
func decodesItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	for _, i := range []reflect.Type{
		reflect.TypeFor[yaml.BytesUnmarshaler](), reflect.TypeFor[yaml.InterfaceUnmarshaler](),
		reflect.TypeFor[interface{ UnmarshalText([]byte) error }](),
	} {
		if p.Implements(i) {
			return true
		}
	}
	return false
}

func mappingValues(n ast.Node) []*ast.MappingValueNode {
	switch m := n.(type) {
	case *ast.MappingNode:
		return m.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{m}
	}
	return nil
}

func yamlFields(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, opts, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case !f.IsExported() || name == "-":
		case strings.Contains(opts, "inline"):
			for k, v := range yamlFields(f.Type) {
				fields[k] = v
			}
		case name == "":
			fields[strings.ToLower(f.Name)] = f.Type
		default:
			fields[name] = f.Type
		}
	}
	return fields
}

func names(fields map[string]reflect.Type) []string {
	var out []string
	for k := range fields {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
