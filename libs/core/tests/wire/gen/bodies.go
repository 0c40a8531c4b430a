package main

import (
	"reflect"
	"strings"
)

func of[T any]() reflect.Type { return reflect.TypeFor[T]() }

// ints is a JSON array of n integers.
func ints(n int) string {
	return "[" + strings.TrimSuffix(strings.Repeat("7,", n), ",") + "]"
}

// everywhere is tried on some messages of each kind: what is no JSON, or no object.
var everywhere = []string{
	``, ` `, `{}`, ` {} `, "\t\r\n{\t\r\n}\t\r\n", "\v{}", "\f{}", "\u00a0{}", "\ufeff{}", `{`, `}`, `{}}`,
	`{}{}`, `{} {}`, `{}x`, `{},`, `null`, ` null `, `nul`, `nulll`, `NULL`, `true`, `false`, `tru`, `0`, `1.5`,
	`"x"`, `""`, `[]`, `[{}]`, `{"a"}`, `{"a":}`, `{"a" 1}`, `{"a":1,}`, `{,}`, `{,"a":1}`, `{"a":1 "b":2}`,
	`{a:1}`, `{'a':1}`, `{1:1}`, `{null:1}`, `{"a":1}`, `{"a":1,"a":2}`, `{"":1}`, `/**/{}`, `{}//`, `{/**/}`,
	`{"a":01}`, `{"a":-}`, `{"a":-01}`, `{"a":+1}`, `{"a":.5}`, `{"a":5.}`, `{"a":5.e1}`, `{"a":5e}`, `{"a":5e+}`,
	`{"a":5e1}`, `{"a":5E-1}`, `{"a":5e+1}`, `{"a":-0}`, `{"a":-0.0e0}`, `{"a":1e999}`, `{"a":0x1}`, `{"a":1_0}`,
	`{"a":NaN}`, `{"a":Infinity}`, `{"a":-Infinity}`, `{"a":undefined}`, `{"a":tRue}`, `{"a":nul}`,
	`{"a":[1,]}`, `{"a":[,1]}`, `{"a":[1 2]}`, `{"a":[1,2}`, `{"a":[1,2]]}`, `{"a":{"b":[{"c":null}]}}`,
	`{"a":"\u00e9\n\/\\\"\b\f\r\t"}`, `{"a":"\x"}`, `{"a":"\'"}`, `{"a":"\u12"}`, `{"a":"\u12g4"}`, `{"a":"\U0041"}`,
	`{"a":"\ud800"}`, `{"a":"\`, `{"a":"\"`, `{"a":"b`, "{\"a\":\"\t\"}", "{\"a\":\"\n\"}", "{\"a\":\"\x00\"}",
	"{\"a\":\"\x1f\"}", "{\"a\":\"\x7f\"}", "{\"a\":\"\xff\"}", "{\"a\xff\":1}", "\xff{}", "{\xff}", "{}\x00", "{}\xff",
	`{"err":"api_not_found"}`, `{"ERR":"api_not_found"}`, `{"Err":""}`, `{"err":null}`, `{"err":1}`, `{"err":{}}`,
	`{"err":"something else"}`, `{"err":"a","Err":"b"}`, `{"err":"a","err":null}`, `{"err":"a","err":""}`,
	strings.Repeat(`{"a":`, 100) + `1` + strings.Repeat(`}`, 100),
	`{"a":` + strings.Repeat(`[`, 127) + strings.Repeat(`]`, 127) + `}`,
}

// texts is what a string may look like, quotes included.
var texts = []string{
	`""`, `"x"`, `"a\"b"`, `"a\\b"`, `"\/"`, `"\b\f\n\r\t"`, `"\u0041"`, `"\u00e9"`, `"é"`, `"\u4e2d中"`, `"🔑"`,
	`"\ud83d\udd11"`, `"\uD83D\uDD11"`, `"\ud83d"`, `"\udd11"`, `"\ud83dx"`, `"\ud83d\ud83d"`, `"\ud83d\ud83d\udd11"`,
	`"\udd11\ud83d"`, `"\ud83d\u0041"`, `"\ud83d\n"`, `"\ud83d\\u0041"`, `"\u0000"`, `"\u001f"`, `"\u007f"`,
	`"\u0080"`, `"\u2028\u2029"`, "\"\u2028\u2029\"", `"<>&"`, `"\u003c\u003e\u0026"`, `"'"`, `"\u0027"`,
	`"\ufffd"`, `"\uffff"`, `"\ufeff"`, "\"\x7f\"", "\"\xff\"", "\"\xff\xff\"", "\"a\xffb\"", "\"\xc3\"", "\"\xc3\x28\"",
	"\"\xe4\xb8\"", "\"\xe4\xb8x\"", "\"\xf0\x9f\x94\"", "\"\xf0\x9f\x94\x91\"", "\"\xc0\x80\"", "\"\xe0\x80\x80\"",
	"\"\xed\xa0\x80\"", "\"\xed\xa0\xbd\xed\xb4\x91\"", "\"\xf4\x90\x80\x80\"", "\"\xf8\x88\x80\x80\x80\"",
	"\"\x80\"", "\"\xbf\xbf\xbf\"", "\"\xff\\n\xff\"", "\"\\u00e9\xff\\ud800\"", "\"\xef\xbf\xbd\"",
}

// integers is what a number may look like.
var integers = []string{
	`0`, `1`, `-1`, `-0`, `42`, `255`, `256`, `-128`, `9007199254740993`, `2147483648`, `9223372036854775807`,
	`9223372036854775808`, `-9223372036854775808`, `-9223372036854775809`, `18446744073709551615`,
	`18446744073709551616`, `99999999999999999999999999`, `1.0`, `1.5`, `1e0`, `1e1`, `1E1`, `10e-1`, `0e0`, `-0.0`,
	`"1"`, `""`, `true`, `null`, `[]`, `[1]`, `{}`,
}

// binary is what []byte may look like.
var binary = []string{
	`""`, `"aGk="`, `"aGVsbG8="`, `"YQ=="`, `"YQ"`, `"YQ="`, `"YQ==="`, `"YR=="`, `"YWI="`, `"YWJ="`, `"YWI"`, `"YWJj"`,
	`"YWJj="`, `"YWJjZA=="`, `"Y"`, `"="`, `"=="`, `"===="`, `"YQ==YQ=="`, `"YQ=\n="`, `"YW\nJj"`, `"YW\r\nJj\r\n"`,
	`"\nYQ=="`, `"YQ==\n"`, `"\n"`, `"YW Jj"`, `" YWJj"`, `"YW\tJj"`, `"+/+/"`, `"-_-_"`, `"\u0059Q=="`, `"!!"`, `"YQ=a"`,
	`"é"`, "\"YQ\xff=\"", `null`, `[]`, `[1,2,255]`, `[0]`, `[256]`, `[-1]`, `[1.0]`, `["a"]`, `[null]`, `[1,null]`,
	`[[1]]`, `[true]`, `0`, `1`, `true`, `{}`,
}

// shards is what *[32]byte may look like.
var shards = []string{
	`null`, `[]`, `[1]`, `[1,2,3]`, ints(31), ints(32), ints(33), ints(40), `[255]`, `[256]`, `[-1]`, `[1.0]`, `[null,1]`,
	`["a"]`, `"AQID"`, `""`, `0`, `true`, `{}`, ints(32)[:len(ints(32))-1] + `,"x",{"y":[]},null,1e5,-1,true]`,
	ints(32)[:len(ints(32))-1] + `,]`, ints(32)[:len(ints(32))-1] + `,nul]`,
}

var times = []string{
	`null`, `"2026-11-21T08:24:13Z"`, `"2026-11-21T08:24:13.64419385Z"`, `"2026-11-21T08:24:13.100Z"`,
	`"2026-11-21T08:24:13.000000001Z"`, `"2026-11-21T08:24:13.999999999Z"`, `"0001-01-01T00:00:00Z"`,
	`"1969-12-31T23:59:59.5Z"`, `"9999-12-30T21:59:59Z"`, `""`, `"now"`, `"2026-11-21"`, `"2026-13-21T08:24:13Z"`,
	`"2026-02-30T08:24:13Z"`, `"2026-11-21T25:24:13Z"`, `1`, `{}`, `[]`, `true`,
}

// with puts each value where the verb is.
func with(template string, values []string) []string {
	var bodies []string
	for _, value := range values {
		bodies = append(bodies, strings.ReplaceAll(template, "%", value))
	}
	return bodies
}

func all(lists ...[]string) []string {
	var joined []string
	for _, list := range lists {
		joined = append(joined, list...)
	}
	return joined
}

var subjects = []subject{
	{"SecretPutRequest", of[secretPutRequest](), all(
		with(`{"path":%}`, texts), with(`{"values":{"k":%}}`, texts), with(`{"values":{%:"v"}}`, texts),
		with(`{"path":%}`, integers), with(`{"values":{"k":%}}`, integers), with(`{"values":%}`, integers),
		[]string{
			`{"path":"t/db","values":{"user":"root"}}`, `{"PATH":"a","Values":{"A":"b"}}`, `{"pAtH":"a"}`, `{"path ":"a"}`,
			`{" path":"a"}`, `{"p\u0061th":"a"}`, `{"path":"a","path":"b"}`, `{"path":"a","PATH":"b"}`, `{"PATH":"b","path":"a"}`,
			`{"path":"a","path":null}`, `{"path":"a","path":1}`, `{"path":1,"path":"a"}`, `{"path":"a","other":{"path":"b"}}`,
			`{"value\u017f":{"a":"b"}}`, "{\"value\u017f\":{\"a\":\"b\"}}", "{\"VALUE\u017f\":{\"a\":\"b\"}}", `{"values\u0000":{"a":"b"}}`,
			"{\"pa\xffth\":\"a\"}", `{"values":{}}`, `{"values":{"a":"1","b":"2","a":"3"}}`, `{"values":{"b":"1","a":"2","B":"3","é":"4","":"5"}}`,
			`{"values":{"a":"1"},"values":{"b":"2"}}`, `{"values":{"a":"1"},"values":{"a":null}}`, `{"values":{"a":"1"},"values":null}`,
			`{"values":{"a":"1"},"values":null,"values":{"b":"2"}}`, `{"values":{"a":"1"},"values":{}}`, `{"values":{"a":"1"},"VALUES":{"b":"2"}}`,
			`{"values":[]}`, `{"values":"x"}`, `{"values":{"a":["b"]}}`, `{"values":{"a":{"b":"c"}}}`, `{"values":{"a":"b",}}`,
			"{\"values\":{\"\xff\":\"1\",\"\xfe\":\"2\"}}", `{"values":{"\ud800":"1","\ufffd":"2"}}`, `{"values":{"<&>":"1"}}`,
		},
	)},
	{"SecretGetRequest", of[secretGetRequest](), all(
		with(`{"path":"a","version":%}`, integers),
		[]string{
			"{\"ver\u017fion\":3}", `{"VERSION":3}`, `{"version":3,"version":null}`, `{"version":3,"version":4}`, `{"version":3,"Version":4}`,
			`{"version":3,"version":0}`, `{"version":"3","version":3}`,
		},
	)},
	{"SecretDeleteRequest", of[secretDeleteRequest](), all(
		with(`{"path":"a","versions":%}`, integers), with(`{"path":"a","versions":[%]}`, integers),
		[]string{
			`{"versions":[1,2,3]}`, `{"versions":[1,2],"versions":[3]}`, `{"versions":[1,2],"versions":[null,null]}`,
			`{"versions":[1,2],"versions":[null]}`, `{"versions":[1,2],"versions":[]}`, `{"versions":[1,2],"versions":null}`,
			`{"versions":[1],"versions":[2,null]}`, `{"versions":[ 1 , 2 ]}`, `{"versions":[1,"2"]}`, `{"versions":[1,2.5]}`,
			`{"versions":[[1]]}`, `{"versions":[1,2`, `{"versions":"AQ=="}`, `{"versions":{"0":1}}`,
		},
	)},
	{"SecretGetResponse", of[secretGetResponse](), all(
		with(`{"data":{"k":%}}`, texts),
		[]string{
			`{"data":null}`, `{"data":{}}`, `{"data":{"a":"b"}}`, `{"data":{"a":null}}`, `{"data":null,"err":"api_not_found"}`,
			`{"data":{"a":"1"},"data":null}`, `{"data":{"a":"1"},"data":{"b":"2"}}`, `{"data":[]}`,
		},
	)},
	{"SecretListResponse", of[secretListResponse](), all(
		with(`{"keys":[%]}`, texts),
		[]string{
			`{"keys":null}`, `{"keys":[]}`, `{"keys":["b","a"]}`, `{"keys":[null]}`, `{"keys":["a"],"keys":[null,"b"]}`,
			"{\"\u212aeys\":[\"a\"]}", `{"\u212aEY\u017f":["a"]}`, `{"keys":["a"],"keys":null}`, `{"keys":["a"],"keys":[]}`, `{"keys":"a"}`, `{"keys":[1]}`,
		},
	)},
	{"SecretMetadataResponse", of[secretMetadataResponse](), all(
		with(`{"metadata":{"createdTime":%}}`, times), with(`{"versions":{"1":{"createdTime":%}}}`, times),
		with(`{"versions":{"1":{"deletedTime":%}}}`, times), with(`{"metadata":{"maxVersions":%}}`, integers),
		[]string{
			`{"versions":{"1":{"version":1},"10":{"version":10},"2":{"version":2}}}`, `{"versions":{"-1":{},"0":{},"01":{},"+2":{}}}`,
			`{"versions":{"x":{}}}`, `{"versions":{"":{}}}`, `{"versions":{"1.0":{}}}`, `{"versions":{"1e1":{}}}`, `{"versions":{" 1":{}}}`,
			`{"versions":{"1_0":{}}}`, `{"versions":{"0x1":{}}}`, `{"versions":{"9223372036854775808":{}}}`, `{"versions":{"1":null}}`,
			`{"versions":{"1":{"version":3},"1":{}}}`, `{"versions":{"1":{"version":3}},"versions":{"2":{}}}`, `{"versions":{}}`, `{"versions":null}`,
			`{"metadata":null}`, `{"metadata":{}}`, `{"metadata":{"currentVersion":2},"metadata":{"oldestVersion":1}}`,
			`{"metadata":{"currentVersion":2},"metadata":null}`, `{"METADATA":{"CURRENTVERSION":2}}`, `{"metadata":[]}`, `{"metadata":"x"}`,
			`{"versions":{"1":{"deletedTime":"2026-11-21T08:24:13Z","deletedTime":null}}}`,
		},
	)},
	{"PolicyPutRequest", of[policyPutRequest](), []string{
		`{"name":"db-read","spiffeidPattern":"^spiffe://x/.*$","pathPattern":"^t/.*$","permissions":["read"]}`,
		`{"permissions":["read",null]}`, `{"permissions":"read"}`, `{"permissions":null}`, `{"permissions":[]}`, `{"permissions":[1]}`,
		`{"permissions":["a","b"],"permissions":["c"]}`, `{"permissions":["a","b"],"permissions":[null,"c"]}`, `{"spiffeIdPattern":"x"}`, `{"spiffiedPattern":"x"}`, `{"name":null}`,
	}},
	{"PolicyListResponse", of[policyListResponse](), []string{
		`{"policies":null}`, `{"policies":[]}`, `{"policies":[{"id":"","name":"a"},{"NAME":"b"}]}`, `{"policies":[null]}`,
		`{"policies":[{"id":"1","name":"a"}],"policies":[{"name":"b"}]}`, `{"policies":[{}],"policies":[{},{"name":"b"}]}`, `{"policies":{}}`, `{"policies":[[]]}`,
	}},
	{"CipherEncryptRequest", of[cipherEncryptRequest](), all(
		with(`{"plaintext":%}`, binary),
		[]string{
			`{"plaintext":"aGk=","algorithm":"x"}`, `{"algorithm":1}`, `{"plaintext":"aGk=","plaintext":null}`, `{"plaintext":"aGk=","plaintext":"YQ=="}`,
			`{"plaintext":[1,2,3],"plaintext":[null,5]}`, `{"plaintext":"aGk=","plaintext":[null]}`, `{"plaintext":"!!","plaintext":"YQ=="}`,
		},
	)},
	{"CipherEncryptResponse", of[cipherEncryptResponse](), all(
		with(`{"version":%}`, integers), with(`{"nonce":%}`, binary), with(`{"ciphertext":%}`, binary),
		[]string{`{"version":1,"nonce":"/pwG+4ZiELDPgg+t","ciphertext":"FyHGkylGu/eMgD+pl2bX2dmj"}`},
	)},
	{"RecoverResponse", of[recoverResponse](), all(
		with(`{"shards":{"1":%}}`, shards),
		[]string{
			`{"shards":null}`, `{"shards":{}}`, `{"shards":{"2":[2],"10":[10],"1":[1]}}`, `{"shards":{"a":[1]}}`, `{"shards":[]}`,
			`{"shards":{"1":[1,2]},"shards":{"2":[3]}}`, `{"shards":{"1":[1,2],"1":[null,3]}}`,
		},
	)},
	{"RestoreRequest", of[restoreRequest](), all(
		with(`{"id":1,"shard":%}`, shards), with(`{"id":%}`, integers),
		[]string{`{"shard":[1,2,3],"shard":[null,9]}`, `{"shard":[1,2,3],"shard":null}`, `{"shard":[1,2,3],"shard":null,"shard":[null,4]}`, `{"ID":2,"SHARD":[1]}`},
	)},
	{"RestoreResponse", of[restoreResponse](), all(
		with(`{"restored":%}`, []string{`true`, `false`, `null`, `0`, `1`, `"true"`, `"x"`, `[]`, `{}`, `tru`, `True`}), with(`{"collected":%}`, integers),
		[]string{`{"collected":1,"remaining":1,"restored":false}`, `{"restored":true,"restored":null}`},
	)},
	{"ShardGetResponse", of[shardGetResponse](), with(`{"shard":%,"Err":""}`, shards)},
}
