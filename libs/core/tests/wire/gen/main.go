// Command gen writes what Go's encoding/json makes of many bodies: the corpus that spike-core's
// wire module is held against.
//
//	go run main.go bodies.go > ../corpus.jsonl
//
// Each line has the name of a message, a body in base64, and what comes out if Go decodes the
// body and encodes the result again. No output: Go refuses the body.
package main

import (
	"bufio"
	"encoding/json"
	"os"
	"reflect"
	"time"
)

type line struct {
	Message string  `json:"message"`
	Body    []byte  `json:"body"`
	Output  *string `json:"output"`
}

// The messages, as spike-sdk-go v0.19.9 declares them. Lists and bytes of requests are made
// empty where they are nil: only answers tell the two apart.

type secretPutRequest struct {
	Path   string            `json:"path"`
	Values map[string]string `json:"values"`
}

type secretGetRequest struct {
	Path    string `json:"path"`
	Version int    `json:"version,omitempty"`
}

type secretDeleteRequest struct {
	Path     string `json:"path"`
	Versions []int  `json:"versions"`
}

type secretGetResponse struct {
	Data map[string]string `json:"data"`
	Err  string            `json:"err,omitempty"`
}

type secretListResponse struct {
	Keys []string `json:"keys"`
	Err  string   `json:"err,omitempty"`
}

type versionInfo struct {
	CreatedTime time.Time  `json:"createdTime"`
	Version     int        `json:"version"`
	DeletedTime *time.Time `json:"deletedTime"`
}

type secretMetadataResponse struct {
	Versions map[int]versionInfo `json:"versions,omitempty"`
	Metadata struct {
		CurrentVersion int       `json:"currentVersion"`
		OldestVersion  int       `json:"oldestVersion"`
		CreatedTime    time.Time `json:"createdTime"`
		UpdatedTime    time.Time `json:"updatedTime"`
		MaxVersions    int       `json:"maxVersions"`
	} `json:"metadata,omitempty"`
	Err string `json:"err,omitempty"`
}

type policyPutRequest struct {
	Name            string   `json:"name"`
	SPIFFEIDPattern string   `json:"spiffeidPattern"`
	PathPattern     string   `json:"pathPattern"`
	Permissions     []string `json:"permissions"`
}

type policyListResponse struct {
	Policies []struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"policies"`
	Err string `json:"err,omitempty"`
}

type cipherEncryptRequest struct {
	Plaintext []byte `json:"plaintext"`
	Algorithm string `json:"algorithm,omitempty"`
}

type cipherEncryptResponse struct {
	Version    byte   `json:"version"`
	Nonce      []byte `json:"nonce"`
	Ciphertext []byte `json:"ciphertext"`
	Err        string `json:"err,omitempty"`
}

type recoverResponse struct {
	Shards map[int]*[32]byte `json:"shards"`
	Err    string            `json:"err,omitempty"`
}

type restoreRequest struct {
	ID    int       `json:"id"`
	Shard *[32]byte `json:"shard"`
}

type restoreResponse struct {
	Collected int    `json:"collected"`
	Remaining int    `json:"remaining"`
	Restored  bool   `json:"restored"`
	Err       string `json:"err,omitempty"`
}

type shardGetResponse struct {
	Shard *[32]byte `json:"shard"`
	Err   string
}

// A message and the bodies that are tried on it.
type subject struct {
	name    string
	message reflect.Type
	bodies  []string
}

func main() {
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	encoder := json.NewEncoder(out)
	for i, s := range subjects {
		if i%4 == 0 {
			s.bodies = append(s.bodies, everywhere...)
		}
		for _, body := range s.bodies {
			value := reflect.New(s.message)
			result := line{Message: s.name, Body: []byte(body)}
			if err := json.Unmarshal([]byte(body), value.Interface()); err == nil {
				result.Output = marshal(value)
			}
			if err := encoder.Encode(result); err != nil {
				panic(err)
			}
		}
	}
}

func marshal(value reflect.Value) *string {
	switch message := value.Interface().(type) {
	case *secretPutRequest:
		if message.Values == nil {
			message.Values = map[string]string{}
		}
	case *secretDeleteRequest:
		if message.Versions == nil {
			message.Versions = []int{}
		}
	case *policyPutRequest:
		if message.Permissions == nil {
			message.Permissions = []string{}
		}
	case *cipherEncryptRequest:
		if message.Plaintext == nil {
			message.Plaintext = []byte{}
		}
	}
	encoded, err := json.Marshal(value.Interface())
	if err != nil {
		panic(err)
	}
	text := string(encoded)
	return &text
}
