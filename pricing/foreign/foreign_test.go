package foreign

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/pricing"
)

const genaiList = `[
 {"id": "maker", "pricing_urls": ["https://example.com/prices"], "models": [
  {"id": "m1", "match": {"or": [{"equals": "m1"}, {"equals": "M-One"}, {"starts_with": "m1-"}]},
   "prices": [
    {"prices": {"input_mtok": 2.50, "output_mtok": "10"}},
    {"constraint": {"start_date": "2026-06-01"}, "prices": {
      "input_mtok": {"base": 2, "tiers": [{"start": 200000, "price": 4}]}, "cache_read_mtok": 0.2, "output_mtok": 8, "web_searches_kcount": 10}},
    {"constraint": {"start_time": "16:30:00+00:00", "end_time": "00:30:00+00:00"}, "prices": {"input_mtok": 1, "output_mtok": 4}}],
   "price_variants": [
    {"when": {"processing": "batch"}, "constraint": {"start_date": "2026-06-01"}, "prices": {"input_mtok": {"base": 1, "tiers": [{"start": 200000, "price": 2}]}, "output_mtok": 4}},
    {"when": {"route": "eu"}, "prices": {"input_mtok": 3}}]},
  {"id": "whisper", "match": {"equals": "whisper"}, "prices": {"audio_hours": 0.36}},
  {"id": "odd-hours", "match": {"equals": "odd-hours"}, "prices": {"audio_hours": 0.04}},
  {"id": "image", "match": {"equals": "image"}, "prices": {"input_mtok": 5, "output_image_mtok": 40}},
  {"id": "lost", "match": {"equals": "lost"}, "prices": {"input_mtok": 0.08333333333333334}},
  {"id": "free", "match": {"equals": "free"}, "prices": {"input_mtok": 0, "output_mtok": 0}},
  {"id": "m-one", "match": {"equals": "m-one"}, "prices": {"input_mtok": 7}},
  {"id": "nothing", "match": {"equals": "nothing"}, "prices": {}}]}]`

func left(r *Imported) string {
	var text strings.Builder
	_ = r.WriteLeft(&text, func(provider string) bool { return provider != "maker" })
	return text.String()
}

func TestGenAIPrices(t *testing.T) {
	r, err := Import(strings.NewReader(genaiList), Options{Via: "test", Checked: "2026-11-25"})
	require.NoError(t, err)
	require.Len(t, r.Files, 1)
	got := string(r.Files[0].Content)
	for _, line := range []string{
		"      - to: 2026-06-01\n        usd_per_million: {input: 2.5, output: 10}",
		"usd_per_million: {input: 2, output: 8, cache_read: 0.2}\n        usd_per_unit: {search: 0.01}\n        above:\n          - input_tokens: 200000\n            usd_per_million: {input: 4}",
		"          batch:\n            usd_per_million: {input: 1, output: 4, cache_read: 0.2}",
		"usd_per_unit: {second: 0.0001}",
	} {
		require.Contains(t, got, line)
	}
	said := left(r)
	for _, line := range []string{
		`refused .*maker/odd-hours .*audio_hours: .*digits were lost`, `refused .*maker/image .*output_image_mtok: price files have no such price`,
		`refused .*maker/lost .*no exact price`, `refused .*maker/free .*free or unknown`, `left out .*maker/m1 +prices when route: eu +no tier`,
		`left out .*maker/m1 .*alias M-One .*stands for m-one`, `refused .*maker/nothing`,
		`(?m)^refused +1 +input_mtok: a number that is no exact price: its digits were lost`, `(?m)^refused +2 +all zero`,
		`(?m)^left out +1 +a name that another model has$`, `(?m)^left out +1 +prices when route: eu: no tier`, `1 providers by names that the price book doesn't know: .*: maker\n`,
	} {
		require.Regexp(t, line, said)
	}
	_, err = pricing.Parse(r.Files[0].Content)
	require.NoError(t, err)
	require.NotContains(t, got, "m1-") // a pattern is no name
}

const litellmList = `{
 "sample_spec": {"litellm_provider": "one of …", "input_cost_per_token": 0},
 "maker/m1": {"litellm_provider": "maker", "input_cost_per_token": 2.5e-06, "output_cost_per_token": 1e-05, "cache_read_input_token_cost": 2.5e-07,
   "cache_creation_input_token_cost": 3.125e-06, "cache_creation_input_token_cost_above_1hr": 5e-06,
   "input_cost_per_token_above_200k_tokens": 5e-06, "output_cost_per_token_above_200k_tokens": 1.5e-05,
   "input_cost_per_token_batches": 1.25e-06, "output_cost_per_token_batches": 5e-06,
   "input_cost_per_token_above_200k_tokens_batches": 2.5e-06, "output_cost_per_token_above_200k_tokens_batches": 7.5e-06,
   "search_context_cost_per_query": {"search_context_size_low": 0.01}, "source": "https://example.com/m1", "max_tokens": 1000},
 "maker/ocr": {"litellm_provider": "maker", "ocr_cost_per_page": 0.001},
 "maker/video": {"litellm_provider": "maker", "output_cost_per_second_1080p": 0.5},
 "maker/tiers": {"litellm_provider": "maker", "tiered_pricing": [{"range": [0, 1000]}]},
 "maker/artefact": {"litellm_provider": "maker", "input_cost_per_token": 2.9999999999999997e-07},
 "maker/half": {"litellm_provider": "maker", "input_cost_per_token": 1e-06, "input_cost_per_token_above_128k_tokens": 2e-06, "input_cost_per_token_flex": 5e-07},
 "maker/negative": {"litellm_provider": "maker", "input_cost_per_token": -1},
 "bare": {"input_cost_per_token": 1e-06}}`

const litellmYAML = `# Converted from litellm's format by tollkeeper prices import.
provider: maker.ai
source:
  via: test
  checked: '2026-11-25'
defaults: {image_input: input, reasoning: output}
models:
  - model: m1
    source: {url: 'https://example.com/m1'}
    prices:
      - usd_per_million: {input: 2.5, output: 10, cache_read: 0.25, cache_write: 3.125, cache_write_1h: 5}
        above:
          - input_tokens: 200000
            usd_per_million: {input: 5, output: 15}
        tiers:
          batch:
            usd_per_million: {input: 1.25, output: 5}
            above:
              - input_tokens: 200000
                usd_per_million: {input: 2.5, output: 7.5}
  - model: ocr
    prices:
      - usd_per_unit: {page: 0.001}
`

func TestLiteLLM(t *testing.T) {
	r, err := Import(strings.NewReader(litellmList), Options{Provider: "maker", As: "maker.ai", Via: "test", Checked: "2026-11-25"})
	require.NoError(t, err)
	require.Equal(t, litellmYAML, string(r.Files[0].Content))
	said := left(r)
	for _, line := range []string{
		`refused .*maker/video .*output_cost_per_second_1080p`, `refused .*maker/tiers .*tiered_pricing`, `refused .*maker/artefact .*digits were lost`,
		`refused .*maker/half .*tier flex: its price of long contexts`, `refused .*maker/negative .*"-1" is no price`,
		`left out .*maker/m1 .*search_context_cost_per_query`, `litellm: 2 models of 1 providers, 5 models refused`,
	} {
		require.Regexp(t, line, said)
	}
	require.NotContains(t, said, "doesn't know") // maker.ai
	book, err := pricing.Parse([]byte("provider: other\n"), r.Files[0].Content)
	require.NoError(t, err)
	require.Equal(t, []string{"maker.ai/m1", "maker.ai/ocr"}, book.Models())
	all, err := Import(strings.NewReader(litellmList), Options{})
	require.NoError(t, err)
	require.Contains(t, left(all), "a name without one can stand for anything")
}

func TestImportSaysWhatIsWrong(t *testing.T) {
	for content, said := range map[string]string{
		"":                            "neither genai-prices",
		"prices: 1":                   "neither genai-prices",
		"[1]":                         "genai-prices:",
		`[{"models": []}]`:            "a provider without an id",
		`{"a": 1}`:                    "LiteLLM:",
		`{}`:                          "nothing to import",
		`[{"id": "p", "models": []}]`: "nothing to import",
	} {
		_, err := Import(strings.NewReader(content), Options{})
		require.ErrorContains(t, err, said, content)
	}
	_, err := Import(strings.NewReader(litellmList), Options{Provider: "nobody"})
	require.ErrorContains(t, err, `--provider "nobody": nothing of it to import; the file has maker`)
}

func TestWriteFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "prices")
	r, err := Import(strings.NewReader(litellmList), Options{As: "a/../b", Provider: "maker"})
	require.NoError(t, err)
	require.NoError(t, r.WriteFiles(dir))
	content, err := os.ReadFile(filepath.Join(dir, "a-..-b.yaml"))
	require.NoError(t, err)
	require.Equal(t, r.Files[0].Content, content)
	require.ErrorContains(t, r.WriteFiles(dir), "choose an empty folder")
}

// Whatever comes in, it is converted to what the book reads, or refused with a reason.
func FuzzImport(f *testing.F) {
	f.Add(genaiList)
	f.Add(litellmList)
	f.Add(`{"a/b: c": {"litellm_provider": "a", "input_cost_per_token": 1e-06}}`)
	f.Add(`{"true": {"litellm_provider": "on", "input_cost_per_token": "1e-06", "output_cost_per_token": 1e999}}`)
	f.Fuzz(func(t *testing.T, content string) {
		r, err := Import(strings.NewReader(content), Options{Via: "fuzz", Checked: "2026-11-25"})
		if err != nil {
			return
		}
		for _, file := range r.Files {
			if _, err := pricing.Parse(file.Content); err != nil {
				t.Fatalf("%v\n%s", err, file.Content)
			}
		}
	})
}
