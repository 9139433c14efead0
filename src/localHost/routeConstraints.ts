/** The inline constraints of route templates, such as `int` in `{id:int}`. They only filter: values stay text. */

export type Constraint = (value: string) => boolean;

const whole = /^[+-]?\d+$/;
const decimal = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i;

const simple: Record<string, Constraint> = {
  int: (value) => whole.test(value) && Number(value) >= -(2 ** 31) && Number(value) < 2 ** 31,
  long: (value) => whole.test(value) && BigInt(value) >= -(2n ** 63n) && BigInt(value) < 2n ** 63n,
  bool: (value) => /^(true|false)$/i.test(value),
  datetime: (value) => !Number.isNaN(Date.parse(value)),
  decimal: (value) => decimal.test(value),
  double: (value) => decimal.test(value),
  float: (value) => decimal.test(value),
  guid: (value) => /^[{(]?[\da-f]{8}-?([\da-f]{4}-?){3}[\da-f]{12}[)}]?$/i.test(value),
  alpha: (value) => /^[a-z]*$/i.test(value),
  required: (value) => value.length > 0,
};

/** The constraint as written in a template, `argument` being what its parentheses hold. Throws an Error for an unknown one. */
export function parseConstraint(name: string, argument: string | undefined): Constraint {
  const plain = argument === undefined ? simple[name.toLowerCase()] : undefined;
  if (plain) return plain;
  const [first = NaN, second = first] = (argument ?? '').split(',').map(Number);
  const number = (value: string) => (whole.test(value) ? Number(value) : NaN);
  switch (argument === undefined ? '' : name.toLowerCase()) {
    case 'length':
      return (value) => value.length >= first && value.length <= second;
    case 'minlength':
      return (value) => value.length >= first;
    case 'maxlength':
      return (value) => value.length <= first;
    case 'min':
      return (value) => number(value) >= first;
    case 'max':
      return (value) => number(value) <= first;
    case 'range':
      return (value) => number(value) >= first && number(value) <= second;
    case 'regex': {
      const pattern = new RegExp(argument ?? '', 'i');
      return (value) => pattern.test(value);
    }
    default:
      throw new Error(`unknown route constraint '${name}${argument === undefined ? '' : `(${argument})`}'.`);
  }
}
