// Shows openapi.json and sends requests to it. Every text is set as text, never as HTML.
"use strict";

const METHODS = ["get", "post", "put", "patch", "delete"];
const SHOWN_CHARACTERS = 200000;
let schemas = {};

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick" || name === "oninput") made[name] = value;
    else if (value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function resolved(schema) {
  if (!schema || !schema.$ref) return schema || {};
  return resolved(schemas[schema.$ref.split("/").pop()]);
}

function bare(schema) {
  const found = resolved(schema);
  const options = found.anyOf || found.oneOf;
  if (!options || found.discriminator || found.properties) return found;
  const real = options.map(resolved).filter((one) => one.type !== "null");
  return real.length === 1 ? { ...real[0], ...found, anyOf: undefined, oneOf: undefined } : found;
}

function typeOf(schema) {
  const found = bare(schema);
  if (found.const !== undefined) return JSON.stringify(found.const);
  if (found.enum) return found.enum.map((one) => JSON.stringify(one)).join(" | ");
  if (found.type === "array") return `list of ${typeOf(found.items)}`;
  return found.type || (found.oneOf || found.anyOf || []).map((one) => resolved(one).title || typeOf(one)).join(" | ");
}

function bounds(schema) {
  const found = bare(schema);
  const names = { minimum: "≥", maximum: "≤", minLength: "length ≥", maxLength: "length ≤", pattern: "matches" };
  const parts = Object.entries(names).filter(([name]) => found[name] !== undefined).map(([n, t]) => `${t} ${found[n]}`);
  if (found.unit) parts.unshift(found.unit);
  const fallback = resolved(schema).default ?? found.default;
  if (fallback !== undefined && fallback !== null && typeof fallback !== "object" && fallback !== "") {
    parts.push(`default ${JSON.stringify(fallback)}`);
  }
  return parts.join(", ");
}

function row(name, required, schema, description, last) {
  return element("tr", {},
    element("td", {}, element("code", {}, name), required ? " *" : ""),
    element("td", { class: "small" }, typeOf(schema), element("br"), bounds(schema)),
    element("td", {}, description || bare(schema).description || ""),
    last);
}

function fields(schema, prefix = "", depth = 0) {
  const found = bare(schema);
  const rows = [];
  for (const [name, inner] of Object.entries(found.properties || {})) {
    rows.push(row(prefix + name, (found.required || []).includes(name), inner));
    if (depth < 2 && bare(inner).properties) rows.push(...fields(inner, `${prefix}${name}.`, depth + 1));
  }
  return rows;
}

function bodyTables(schema) {
  const found = resolved(schema);
  const variants = found.oneOf || found.anyOf || [found];
  return variants.map((one) => {
    const variant = resolved(one);
    return element("details", {}, element("summary", {}, `${variant.title || "Body"}: ${variant.description || ""}`),
      element("table", {}, element("tbody", {}, ...fields(variant))));
  });
}

function parameterInputs(parameters) {
  return parameters.map((parameter) => {
    const schema = bare(parameter.schema);
    const label = `${parameter.name} (${parameter.in})`;
    let input;
    if (schema.enum) {
      input = element("select", { "aria-label": label }, element("option", { value: "" }, ""),
        ...schema.enum.map((one) => element("option", { value: one }, String(one))));
    } else {
      const hint = schema.type === "array" ? "several: separated by |" : "";
      input = element("input", { "aria-label": label, placeholder: hint });
    }
    return { parameter, input, isList: schema.type === "array" };
  });
}

function address(path, inputs) {
  let url = path;
  const query = new URLSearchParams();
  const headers = {};
  for (const { parameter, input, isList } of inputs) {
    const value = input.value;
    if (parameter.in === "path") {
      url = url.replace(`{${parameter.name}}`, value.split("/").map(encodeURIComponent).join("/"));
    } else if (value !== "" && parameter.in === "query") {
      for (const one of isList ? value.split("|") : [value]) query.append(parameter.name, one);
    } else if (value !== "") headers[parameter.name] = value;
  }
  return { url: query.size ? `${url}?${query}` : url, headers };
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function asCommand(method, url, headers, body) {
  const parts = ["curl", "-X", method, quoted(url)];
  for (const [name, value] of Object.entries(headers)) parts.push("-H", quoted(`${name}: ${value}`));
  if (body !== undefined) parts.push("--data-binary", quoted(body));
  return parts.join(" ");
}

async function shown(response) {
  const type = response.headers.get("content-type") || "";
  const head = `${response.status} ${response.statusText}\n` +
    [...response.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
  if (!/json|text|csv/.test(type)) {
    return `${head}\n\n${(await response.blob()).size} bytes that are not text`;
  }
  const text = await response.text();
  let pretty = text;
  if (/json/.test(type) && !/jsonl/.test(type) && text) pretty = JSON.stringify(JSON.parse(text), null, 2);
  const cut = pretty.length > SHOWN_CHARACTERS ? `${pretty.slice(0, SHOWN_CHARACTERS)}\n… cut here` : pretty;
  return `${head}\n\n${cut}`;
}

function tryIt(method, path, inputs, editor, base) {
  const answer = element("pre", { hidden: true, "aria-live": "polite" });
  const command = element("pre", { hidden: true });
  const send = async () => {
    const { url, headers } = address(base + path, inputs);
    const body = editor ? editor.value : undefined;
    if (editor) headers["Content-Type"] = "application/json";
    command.textContent = asCommand(method.toUpperCase(), new URL(url, location.href).href, headers, body);
    command.hidden = answer.hidden = false;
    answer.textContent = "…";
    try {
      answer.textContent = await shown(await fetch(url, { method: method.toUpperCase(), headers, body }));
    } catch (error) {
      answer.textContent = `The request failed: ${error.message}`;
    }
  };
  return [element("p", {}, element("button", { type: "button", onclick: send }, "Send")), command, answer];
}

function bodyEditor(content) {
  const examples = Object.entries(content.examples || {});
  const text = (value) => JSON.stringify(value, null, 2);
  const editor = element("textarea", { "aria-label": "Body", spellcheck: "false" });
  editor.value = examples.length ? text(examples[0][1].value) : "{}";
  const choose = element("select", { "aria-label": "Example" },
    ...examples.map(([name, one]) => element("option", { value: name }, one.summary || name)));
  choose.oninput = () => { editor.value = text(content.examples[choose.value].value); };
  return { editor, choose };
}

function responsesTable(responses) {
  const rows = Object.entries(responses).map(([status, response]) => {
    const codes = Object.values(response.content || {}).flatMap((one) => Object.keys(one.examples || {}));
    return element("tr", {}, element("td", {}, status), element("td", {}, response.description),
      element("td", { class: "small" }, codes.length ? codes.join(", ") : Object.keys(response.content || {}).join(", ")));
  });
  return element("table", {}, element("tbody", {}, ...rows));
}

function operationView(path, method, operation, base) {
  const inputs = parameterInputs(operation.parameters || []);
  const content = operation.requestBody && operation.requestBody.content["application/json"];
  const body = content && bodyEditor(content);
  const parts = [element("p", {}, operation.description || "")];
  if (inputs.length) {
    parts.push(element("h3", {}, "Parameters"), element("table", {}, element("tbody", {}, ...inputs.map((one) =>
      row(`${one.parameter.name}`, one.parameter.required, one.parameter.schema, one.parameter.description,
        element("td", {}, one.input))))));
  }
  if (body) parts.push(element("h3", {}, "Body"), ...bodyTables(content.schema), element("p", {}, body.choose), body.editor);
  parts.push(...tryIt(method, path, inputs, body && body.editor, base));
  parts.push(element("h3", {}, "Responses"), responsesTable(operation.responses));
  const title = element("summary", {}, element("span", { class: "method" }, method.toUpperCase()),
    element("code", {}, path), " ", element("span", { class: "quiet" }, operation.summary || ""));
  return element("details", { class: "operation", id: operation.operationId }, title, element("div", {}, ...parts));
}

function show(document_) {
  schemas = (document_.components || {}).schemas || {};
  // The page stands at <base>/docs: what it calls lies beside it, wherever the application is mounted.
  const base = new URL(".", location.href).pathname.replace(/\/$/, "");
  document.getElementById("about").textContent = document_.info.description;
  const groups = new Map();
  for (const [path, methods] of Object.entries(document_.paths)) {
    for (const method of METHODS.filter((one) => methods[one])) {
      const tag = (methods[method].tags || ["other"])[0];
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push(operationView(path, method, methods[method], base));
    }
  }
  const main = document.getElementById("operations");
  main.replaceChildren(...[...groups].map(([tag, views]) => element("section", {}, element("h2", {}, tag), ...views)));
  if (location.hash) {
    const named = document.getElementById(location.hash.slice(1));
    if (named) { named.open = true; named.scrollIntoView(); }
  }
}

document.getElementById("find").oninput = (event) => {
  const wanted = event.target.value.toLowerCase();
  for (const one of document.querySelectorAll("details.operation")) {
    one.hidden = !one.textContent.toLowerCase().includes(wanted);
  }
};

fetch("openapi.json").then((response) => response.json()).then(show).catch((error) => {
  document.getElementById("operations").textContent = `openapi.json could not be shown: ${error.message}`;
});
