export function render() {}
export function mount() {}
export default { render };
