import 'reflect-metadata';

/** What compilers say about the parameters of a decorated method, where they are asked to (`emitDecoratorMetadata`). */
const PARAMETER_TYPES = 'design:paramtypes';

type Method = (...args: never[]) => unknown;

/** The method behind each wrapper of the kit, whose own parameters say nothing. */
const originals = new WeakMap<object, object>();

/** Remembers that `wrapper` is called in the place of `method`. */
export function standsFor(wrapper: object, method: object): void {
  originals.set(wrapper, method);
}

/**
 * Whether a method has parameters, also those that its `length` leaves out: with a default, and the rest.
 * @param target the prototype with the method, or one that inherits it
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

/** What stands before the parameters: comments, quoted and computed names, and everything else but a parenthesis. */
const HEAD =
  /^(?:\/\*[^]*?\*\/|\/\/.*|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|\[(?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[^\]'"])*\]|[^(])*?\(/;
const EMPTY_LIST = /^(?:\s|\/\*[^]*?\*\/|\/\/.*)*\)/;

/** @param source of a function whose `length` is 0: an arrow function without parentheses has one parameter */
function hasWrittenParameters(source: string): boolean {
  const head = HEAD.exec(source);
  return head !== null && !EMPTY_LIST.test(source.slice(head[0].length));
}
