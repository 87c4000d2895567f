package genai

import (
	"github.com/cespare/xxhash/v2"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tollkeeper/tollkeeper/ledger"
)

// Resource is what the resource says of all its spans.
type Resource struct {
	Service, Environment, Region, Team, Feature string
}

// ReadResource reads the attributes of a resource.
func ReadResource(r pcommon.Resource) Resource {
	var out Resource
	var environment string
	for k, v := range r.Attributes().All() {
		switch k {
		case "service.name":
			out.Service = text(v)
		case "deployment.environment.name":
			out.Environment = text(v)
		case "deployment.environment":
			environment = text(v)
		case "cloud.region":
			out.Region = text(v)
		case "team", "team.id", "service.team":
			out.Team = text(v)
		case "feature", "feature.name":
			out.Feature = text(v)
		}
	}
	if out.Environment == "" {
		out.Environment = environment
	}
	return out
}

// describe sets the dimensions by which cost is looked at.
func (res *Resource) describe(s *scratch, c *ledger.Call) {
	c.Service, c.Environment, c.Region = res.Service, res.Environment, res.Region
	c.Team, c.Feature = res.Team, res.Feature
	if s.has(fTeam) {
		c.Team = s.text(fTeam)
	}
	if s.has(fFeature) {
		c.Feature = s.text(fFeature)
	}
	if c.Service == "" {
		c.Service = s.text(fApplication)
	}
	if c.Environment == "" {
		c.Environment = s.text(fEnvironment)
	}
	c.Key, c.User, c.Agent = s.text(fKey), s.text(fUser), s.text(fAgent)
	c.Prompt, c.PromptVersion = s.text(fPrompt), s.text(fPromptVersion)
	c.Conversation = s.text(fConversation)
}

// hashID is the stored form of a response id; 0 is reserved for none.
func hashID(id string) uint64 {
	if h := xxhash.Sum64String(id); h != 0 {
		return h
	}
	return 1
}
