package config

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/tollkeeper/tollkeeper/internal/textfile"
)

// Load reads the file at path over the defaults and validates the result. An empty path gives the defaults. The error
// joins everything that is wrong: unknown keys with their line, unset variables, and each invalid value.
func Load(path string, getenv func(string) (string, bool)) (Config, error) {
	cfg := Default()
	if path == "" {
		cfg.fromEnvironment(getenv)
		return cfg, cfg.Validate()
	}
	text, err := textfile.Read(path)
	if err != nil {
		return cfg, fmt.Errorf("read config: %w", err)
	}
	faults, err := parse(text, getenv, &cfg)
	cfg.fromEnvironment(getenv)
	if err != nil {
		return cfg, fmt.Errorf("config %s:\n%w", path, errors.Join(err, without(cfg.Validate(), faults)))
	}
	if err := cfg.Validate(); err != nil {
		return cfg, fmt.Errorf("config %s:\n%w", path, err)
	}
	return cfg, nil
}

// Decode reads a file of keys that its type knows, as Load does: the error joins everything that is wrong. What is right is decoded
// even so, and validated by valid, which names values by their paths, as in budgets[0].amount.
func Decode(text []byte, into any, valid func() error) error {
	faults, err := parse(text, nil, into)
	if err != nil {
		return errors.Join(err, without(valid(), faults))
	}
	return valid()
}

// parse decodes YAML text into the struct that into points to, whose values are the defaults. Values of a wrong type are named, and
// left as they were. Without getenv, ${env:NAME} is text like any other.
func parse(text []byte, getenv func(string) (string, bool), into any) (faults []fault, err error) {
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, fmt.Errorf("not YAML: %s", yaml.FormatError(err, false, false))
	}
	var problems []error
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if getenv != nil {
			env := &envVisitor{getenv: getenv}
			ast.Walk(env, doc.Body)
			problems = append(problems, env.problems...)
		}
		found := check(doc.Body, reflect.TypeOf(into).Elem(), "")
		for _, f := range found {
			problems = append(problems, f.err)
		}
		faults = append(faults, found...)
		if err := yaml.NodeToValue(doc.Body, into); err != nil {
			problems = append(problems, errors.New(yaml.FormatError(err, false, false)))
		}
	}
	return faults, errors.Join(problems...)
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
