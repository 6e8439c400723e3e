import 'reflect-metadata';

/** Metadata key of a method's parameter types, which compilers write with `emitDecoratorMetadata`. */
const PARAMETER_TYPES = 'design:paramtypes';

type Method = (...args: never[]) => unknown;

/** The method behind each wrapper of the kit; the wrapper's own parameter list is always `...args`. */
const originals = new WeakMap<object, object>();

/** Remembers the method that `wrapper` replaces. */
export function rememberWrapped(wrapper: object, method: object): void {
  originals.set(wrapper, method);
}

/**
 * True when a method has parameters, including those that its `length` leaves out: with a default value, and rest
 * parameters.
 * @param target the prototype that has the method, or inherits it
 */
export function hasParameters(target: object, name: string | symbol, method: object): boolean {
  const types = Reflect.getMetadata(PARAMETER_TYPES, target, name) as readonly unknown[] | undefined;
  if (types !== undefined) return types.length > 0;
  const original = originalOf(method);
  return original.length > 0 || hasWrittenParameters(Function.prototype.toString.call(original));
}

function originalOf(method: object): Method {
  const original = originals.get(method);
  return original === undefined ? (method as Method) : originalOf(original);
}

/** Source text before the parameters: comments, quoted and computed names, and any other text without a parenthesis. */
const HEAD =
  /^(?:\/\*[^]*?\*\/|\/\/.*|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|\[(?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[^\]'"])*\]|[^(])*?\(/;
const EMPTY_LIST = /^(?:\s|\/\*[^]*?\*\/|\/\/.*)*\)/;

/**
 * @param source source text of a function whose `length` is 0; an arrow function without parentheses has a `length` of
 * 1
 */
function hasWrittenParameters(source: string): boolean {
  const head = HEAD.exec(source);
  return head !== null && !EMPTY_LIST.test(source.slice(head[0].length));
}
