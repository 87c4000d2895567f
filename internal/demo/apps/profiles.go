package apps

// Names is the generation of the GenAI conventions an app's spans are written in.
type Names string

// The generations.
const (
	NamesCurrent  Names = "current"  // gen_ai.provider.name, gen_ai.usage.cache_write.input_tokens
	NamesPrevious Names = "previous" // gen_ai.system; cache writes as cache_creation
)

// Kind is a way of calling models.
type Kind string

// The kinds.
const (
	KindChat     Kind = "chat"     // one chat completion
	KindStream   Kind = "stream"   // one streamed chat completion, with a usage frame
	KindEmbed    Kind = "embed"    // one embeddings request of several texts
	KindAgent    Kind = "agent"    // an agent: model, tool, model again, each with the history so far
	KindMessages Kind = "messages" // one Anthropic message
)

// Task is one thing an app does.
type Task struct {
	Kind   Kind
	Model  string
	Weight int // how often, against the other tasks
	Stream bool
	System int   // bytes of the system prompt, which is the same from call to call
	Turn   int   // bytes of the user's text, about; it differs from call to call
	Limit  int64 // most output tokens, 0 = as many as the model likes
	Renews int   // the system prompt changes every so many calls, 0 = never
}

// Profile is one simulated app.
type Profile struct {
	Tenant, Service, Team, Environment string
	Key                                string  // API key at the gateway
	Rate                               float64 // tasks a second in quiet times
	Names                              Names
	Tasks                              []Task
}

// The tenants that run away in the demo: one so fast that its spend spikes, one that eats its budget up.
const (
	SpikeTenant  = "initech-agents"
	BudgetTenant = "umbrella-batch"
)

// Profiles lists the simulated apps. Their keys are made up; the gateway of the demo is the only one that knows them.
func Profiles() []Profile {
	return []Profile{
		{
			Tenant: "acme-support", Service: "support-chat", Team: "care", Environment: "production", Key: "sk-demo-acme",
			Rate: 3, Names: NamesCurrent,
			Tasks: []Task{
				{Kind: KindStream, Model: "gpt-5-mini", Weight: 3, System: 6400, Turn: 400},
				{Kind: KindChat, Model: "gpt-4o-mini", Weight: 1, System: 300, Turn: 700, Limit: 120},
			},
		},
		{
			Tenant: "globex-search", Service: "semantic-search", Team: "search", Environment: "production",
			Key: "sk-demo-globex", Rate: 4, Names: NamesPrevious,
			Tasks: []Task{
				{Kind: KindEmbed, Model: "text-embedding-3-small", Weight: 3, Turn: 1200},
				{Kind: KindChat, Model: "gpt-4.1-mini", Weight: 1, System: 400, Turn: 2200, Limit: 200},
			},
		},
		{
			Tenant: "hooli-docs", Service: "contract-reader", Team: "legal", Environment: "production",
			Key: "sk-demo-hooli", Rate: 1, Names: NamesCurrent,
			Tasks: []Task{
				{Kind: KindMessages, Model: "claude-sonnet-4-5", Weight: 2, System: 9000, Turn: 500, Limit: 300, Renews: 8},
				{Kind: KindMessages, Model: "claude-haiku-4-5", Weight: 1, Stream: true, System: 600, Turn: 300, Limit: 150},
			},
		},
		{
			Tenant: SpikeTenant, Service: "ticket-agents", Team: "automation", Environment: "production",
			Key: "sk-demo-initech", Rate: 1, Names: NamesCurrent,
			Tasks: []Task{{Kind: KindAgent, Model: "gpt-5-mini", Weight: 1, System: 1600, Turn: 500, Limit: 400}},
		},
		{
			Tenant: BudgetTenant, Service: "nightly-labels", Team: "data", Environment: "batch",
			Key: "sk-demo-umbrella", Rate: 2, Names: NamesCurrent,
			Tasks: []Task{{Kind: KindChat, Model: "gpt-4.1-mini", Weight: 1, System: 500, Turn: 1500, Limit: 250}},
		},
	}
}

// Keys maps API keys to tenants, for the gateway.
func Keys(profiles []Profile) map[string]string {
	keys := map[string]string{}
	for _, p := range profiles {
		keys[p.Key] = p.Tenant
	}
	return keys
}
