// Points on a canvas by WebGL: all of them in one draw call, from buffers that change only with the map or its colours.

import {byWeight, CLEAR, FAINT, FULL, SMALL, TINY} from "./weights.js";

const BY_PROCESSOR = /swiftshader|llvmpipe|softpipe|software|basic render/i; // names of renderers
const VERTEX = `
attribute vec2 from;
attribute vec2 to;
attribute vec4 colour;
uniform vec2 centre, scale;
uniform float moved, size;
varying vec4 shade;
varying float radius;
void main() {
  gl_Position = vec4((mix(from, to, moved) - centre) * scale, 0.0, 1.0);
  bool tiny = colour.a == 0.0;
  radius = 0.5 * size * (tiny ? ${TINY.toFixed(2)} : mix(${SMALL.toFixed(2)}, 1.0, colour.a));
  gl_PointSize = 2.0 * radius + 1.0; // room for a soft edge
  float alpha = tiny ? ${CLEAR.toFixed(2)} : mix(${FAINT.toFixed(2)}, ${FULL.toFixed(2)}, colour.a);
  shade = vec4(colour.rgb * alpha, alpha);
}`;
const FRAGMENT = `
precision mediump float;
varying vec4 shade;
varying float radius;
void main() {
  float beyond = length(gl_PointCoord - 0.5) * (2.0 * radius + 1.0) - radius;
  gl_FragColor = shade * clamp(0.5 - beyond, 0.0, 1.0);
}`;

/** How WebGL is computed: "gpu", "processor", or "" where the browser has none. */
export function webGl() {
  const gl = document.createElement("canvas").getContext("webgl");
  if (!gl) return "";
  const named = gl.getExtension("WEBGL_debug_renderer_info")?.UNMASKED_RENDERER_WEBGL ?? gl.RENDERER;
  const renderer = String(gl.getParameter(named));
  gl.getExtension("WEBGL_lose_context")?.loseContext();
  return BY_PROCESSOR.test(renderer) ? "processor" : "gpu";
}

/** What draws points on a canvas. `onrestored` is called when all has to be drawn anew. */
export function pointsByGl(canvas, onrestored) {
  const gl = canvas.getContext("webgl", {alpha: false, antialias: false, depth: false, powerPreference: "high-performance"});
  gl.getExtension("OES_element_index_uint");
  let held = {from: null, to: null, colours: null};
  let made = program(gl);
  canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
  canvas.addEventListener("webglcontextrestored", () => {
    made = program(gl);
    if (held.from) fill(held.from, held.to, held.colours);
    onrestored();
  });

  function buffer(name, content, size, type, normalized) {
    gl.bindBuffer(gl.ARRAY_BUFFER, made.buffers[name]);
    gl.bufferData(gl.ARRAY_BUFFER, content, gl.STATIC_DRAW);
    const at = gl.getAttribLocation(made.linked, name);
    gl.enableVertexAttribArray(at);
    gl.vertexAttribPointer(at, size, type, normalized, 0, 0);
  }

  /** Where points come from and where they are going (Float32Array, x and y by turns), and their colours (RGBA bytes). */
  function fill(from, to, colours) {
    held = {from, to, colours};
    buffer("from", from, 2, gl.FLOAT, false);
    buffer("to", to, 2, gl.FLOAT, false);
    paint(colours);
  }

  function paint(colours) {
    held.colours = colours;
    buffer("colour", colours, 4, gl.UNSIGNED_BYTE, true);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, made.buffers.order);
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, byWeight(colours), gl.STATIC_DRAW);
  }

  /** Draw all points, `moved` from 0 to 1 of their way, with a diameter of `size` CSS pixels. */
  function draw(view, {moved, size, background}) {
    const ratio = canvas.width / view.width;
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.clearColor(background[0] / 255, background[1] / 255, background[2] / 255, 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
    if (!held.from) return;
    const {scale} = view;
    gl.uniform2f(made.at("centre"), view.x, view.y);
    gl.uniform2f(made.at("scale"), (2 * scale) / view.width, (-2 * scale) / view.height);
    gl.uniform1f(made.at("moved"), moved);
    gl.uniform1f(made.at("size"), size * ratio);
    gl.drawElements(gl.POINTS, held.from.length / 2, gl.UNSIGNED_INT, 0);
  }

  return {fill, paint, draw};
}

function program(gl) {
  const linked = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(linked, shader);
  }
  gl.linkProgram(linked);
  if (!gl.getProgramParameter(linked, gl.LINK_STATUS) && !gl.isContextLost()) throw new Error(gl.getProgramInfoLog(linked));
  gl.useProgram(linked);
  gl.enable(gl.BLEND);
  gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  const buffers = {from: gl.createBuffer(), to: gl.createBuffer(), colour: gl.createBuffer(), order: gl.createBuffer()};
  const places = {};
  return {linked, buffers, at: (name) => (places[name] ??= gl.getUniformLocation(linked, name))};
}
