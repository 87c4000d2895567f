package second

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/tollkeeper/tollkeeper/pricing"
)

// Update writes testdata anew from the folder of facts that pricing/catalogue/make filled: of LiteLLM's file the models that the
// book has too, of the usages those whose models it has.
func Update(book *pricing.Book, facts, testdata string) error {
	if err := updateUsages(book, filepath.Join(facts, "usages.tsv"), filepath.Join(testdata, "usages.tsv")); err != nil {
		return err
	}
	return updateLiteLLM(book, filepath.Join(facts, "litellm.json"), filepath.Join(testdata, "litellm.json"))
}

func updateUsages(book *pricing.Book, from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	for line := range bytes.Lines(content) {
		cells := strings.SplitN(string(line), "\t", 3)
		if bytes.HasPrefix(line, []byte("#")) || len(book.Resolve(cells[0], cells[1])) == 1 {
			out.Write(line)
		}
	}
	return os.WriteFile(to, out.Bytes(), 0o644)
}

func updateLiteLLM(book *pricing.Book, from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	_, of, err := lists()
	if err != nil {
		return err
	}
	var all map[string]map[string]json.RawMessage
	if err := json.Unmarshal(content, &all); err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	kept := map[string]map[string]json.RawMessage{}
	for name, m := range all {
		var provider string
		if json.Unmarshal(m["litellm_provider"], &provider) != nil || of[provider] == "" {
			continue
		}
		if len(book.Resolve(of[provider], strings.TrimPrefix(name, provider+"/"))) != 1 {
			continue
		}
		kept[name] = map[string]json.RawMessage{}
		for key, v := range m { // prices and where they are from; RawMessage keeps the digits
			if strings.Contains(key, "cost") || strings.Contains(key, "pricing") || key == "litellm_provider" || key == "source" {
				kept[name][key] = v
			}
		}
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(kept); err != nil { // keys of maps are written sorted
		return err
	}
	return os.WriteFile(to, out.Bytes(), 0o644)
}
