// Command go-sdk drives a Spike cluster with SPIKE's own, unchanged Go SDK.
//
// Each line on standard input names a step; its answer is one line of JSON for each SDK call, then
// an empty line. Identities come from the Workload API sockets named by SOCKET_<ROLE>, the servers
// from the SDK's own variables (SPIKE_NEXUS_API_URL, SPIKE_NEXUS_KEEPER_PEERS).
//
// It decides nothing: the test that starts it compares what the calls returned.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/cloudflare/circl/group"
	"github.com/cloudflare/circl/secretsharing"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
	spike "github.com/spiffe/spike-sdk-go/api"
	"github.com/spiffe/spike-sdk-go/api/entity/data"
	sdkErrors "github.com/spiffe/spike-sdk-go/errors"
)

// A step must end long before the test that waits for it gives up.
const stepDeadline = 30 * time.Second

func main() {
	s := &session{apis: map[string]*spike.API{}}
	steps := map[string]func(context.Context){
		"secrets":    s.secrets,
		"policies":   s.policies,
		"denied":     s.denied,
		"cipher":     s.cipher,
		"verify":     s.verify,
		"contribute": s.contribute,
		"recover":    s.recover,
		"restore":    s.restore,
		"read":       s.read,
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		step, known := steps[lines.Text()]
		if !known {
			fmt.Fprintf(os.Stderr, "no step %q\n", lines.Text())
			os.Exit(2)
		}
		ctx, cancel := context.WithTimeout(context.Background(), stepDeadline)
		step(ctx)
		cancel()
		fmt.Println()
	}
}

// session keeps one API per role, and the recovery shards between recover and restore.
type session struct {
	apis   map[string]*spike.API
	shards map[int]*[32]byte
}

// as returns the SDK under a role's identity.
func (s *session) as(ctx context.Context, role string) *spike.API {
	if api, ok := s.apis[role]; ok {
		return api
	}
	socket := os.Getenv("SOCKET_" + strings.ToUpper(role))
	source, err := workloadapi.NewX509Source(
		ctx, workloadapi.WithClientOptions(workloadapi.WithAddr("unix://"+socket)),
	)
	if err != nil {
		fmt.Fprintf(os.Stderr, "identity %s from %s: %v\n", role, socket, err)
		os.Exit(1)
	}
	api := spike.NewWithSource(source)
	s.apis[role] = api
	return api
}

// say prints what a call returned: a value, or the SDK's error code.
func say(call string, value any, err *sdkErrors.SDKError) {
	line := map[string]any{"call": call}
	if err != nil {
		line["error"] = string(err.Code)
	} else if value != nil {
		line["value"] = value
	}
	out, _ := json.Marshal(line)
	fmt.Println(string(out))
}

func (s *session) secrets(ctx context.Context) {
	api := s.as(ctx, "superuser")
	say("PutSecret", nil, api.PutSecret(ctx, "sdk/db", map[string]string{"user": "root", "pass": "one"}))
	say("PutSecret", nil, api.PutSecret(ctx, "sdk/db", map[string]string{"user": "root", "pass": "<&>\u2028ü"}))
	secret, err := api.GetSecret(ctx, "sdk/db")
	say("GetSecret", values(secret), err)
	secret, err = api.GetSecretVersion(ctx, "sdk/db", 1)
	say("GetSecretVersion", values(secret), err)
	keys, err := api.ListSecretKeys(ctx)
	say("ListSecretKeys", keys, err)
	metadata, err := api.GetSecretMetadata(ctx, "sdk/db", 0)
	say("GetSecretMetadata", summary(metadata), err)
	say("DeleteSecretVersions", nil, api.DeleteSecretVersions(ctx, "sdk/db", []int{1}))
	say("DeleteSecret", nil, api.DeleteSecret(ctx, "sdk/db"))
	secret, err = api.GetSecret(ctx, "sdk/db")
	say("GetSecret", values(secret), err)
	say("UndeleteSecret", nil, api.UndeleteSecret(ctx, "sdk/db", []int{2}))
	secret, err = api.GetSecret(ctx, "sdk/db")
	say("GetSecret", values(secret), err)
	secret, err = api.GetSecret(ctx, "sdk/none")
	say("GetSecret", values(secret), err)
}

func (s *session) read(ctx context.Context) {
	secret, err := s.as(ctx, "superuser").GetSecret(ctx, "sdk/db")
	say("GetSecret", values(secret), err)
}

func (s *session) policies(ctx context.Context) {
	api := s.as(ctx, "superuser")
	read := []data.PolicyPermission{data.PermissionRead}
	say("CreatePolicy", nil, api.CreatePolicy(ctx, "sdk-read", "^spiffe://spike\\.ist/workload/.*$", "^sdk/.*$", read))
	policy, err := api.GetPolicy(ctx, "sdk-read")
	say("GetPolicy", policyOf(policy), err)
	items, err := api.ListPolicies(ctx, "", "^sdk/.*$")
	say("ListPolicies", items, err)
	items, err = api.ListAllPolicies(ctx)
	say("ListAllPolicies", items, err)
	secret, err := s.as(ctx, "workload").GetSecret(ctx, "sdk/db")
	say("GetSecret", values(secret), err)
	say("PutSecret", nil, s.as(ctx, "workload").PutSecret(ctx, "sdk/db", map[string]string{"a": "b"}))
	say("DeletePolicy", nil, api.DeletePolicy(ctx, "sdk-read"))
	policy, err = api.GetPolicy(ctx, "sdk-read")
	say("GetPolicy", policyOf(policy), err)
}

func (s *session) denied(ctx context.Context) {
	api := s.as(ctx, "workload")
	secret, err := api.GetSecret(ctx, "sdk/db")
	say("GetSecret", values(secret), err)
	_, err = api.ListSecretKeys(ctx)
	say("ListSecretKeys", nil, err)
	// Recover is not asked for: without its role the SDK ends the program before it asks.
}

func (s *session) cipher(ctx context.Context) {
	api := s.as(ctx, "lite")
	plain := []byte("hello")
	sealed, err := api.CipherEncryptStream(ctx, bytes.NewReader(plain))
	say("CipherEncryptStream", len(sealed), err)
	opened, err := api.CipherDecryptStream(ctx, bytes.NewReader(sealed))
	say("CipherDecryptStream", string(opened), err)
	ciphertext, err := api.CipherEncrypt(ctx, plain, "AES-256-GCM")
	say("CipherEncrypt", len(ciphertext), err)
	// The SDK drops the nonce of its JSON answer: decrypt the parts of the stream form instead.
	opened, err = api.CipherDecrypt(ctx, sealed[0], sealed[1:13], sealed[13:], "AES-256-GCM")
	say("CipherDecrypt", string(opened), err)
	sealed[len(sealed)-1] ^= 1
	_, err = api.CipherDecrypt(ctx, sealed[0], sealed[1:13], sealed[13:], "AES-256-GCM")
	say("CipherDecrypt", nil, err)
}

func (s *session) verify(ctx context.Context) {
	sealed, err := s.as(ctx, "superuser").CipherEncryptStream(ctx, strings.NewReader("nonsense"))
	if err != nil {
		say("CipherEncryptStream", nil, err)
		return
	}
	say("Verify", nil, s.as(ctx, "bootstrap").Verify(ctx, "nonsense", sealed[1:13], sealed[13:]))
}

func (s *session) contribute(ctx context.Context) {
	id := group.P256.NewScalar().SetUint64(1)
	value := group.P256.NewScalar().SetUint64(1 << 62)
	share := secretsharing.Share{ID: id, Value: value}
	say("Contribute", nil, s.as(ctx, "bootstrap").Contribute(ctx, share, "1"))
}

func (s *session) recover(ctx context.Context) {
	shards, err := s.as(ctx, "recover").Recover(ctx)
	s.shards = shards
	say("Recover", len(shards), err)
}

func (s *session) restore(ctx context.Context) {
	indices := make([]int, 0, len(s.shards))
	for index := range s.shards {
		indices = append(indices, index)
	}
	sort.Ints(indices)
	for _, index := range indices {
		status, err := s.as(ctx, "restore").Restore(ctx, index, s.shards[index])
		say("Restore", status, err)
		if err != nil || status.Restored {
			return
		}
	}
}

func values(secret *data.Secret) any {
	if secret == nil {
		return nil
	}
	return secret.Data
}

func summary(m *data.SecretMetadata) any {
	if m == nil {
		return nil
	}
	return map[string]any{
		"versions": len(m.Versions), "current": m.Metadata.CurrentVersion,
		"oldest": m.Metadata.OldestVersion, "max": m.Metadata.MaxVersions,
		"dated": !m.Metadata.CreatedTime.IsZero() && !m.Versions[1].CreatedTime.IsZero(),
	}
}

func policyOf(p *data.Policy) any {
	if p == nil {
		return nil
	}
	return map[string]any{
		"name": p.Name, "spiffeid": p.SPIFFEIDPattern, "path": p.PathPattern,
		"permissions": p.Permissions, "dated": !p.CreatedAt.IsZero(),
	}
}
